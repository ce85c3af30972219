exception Sorry { 1: string why }

service Echo {
  string echo(1: string text),
  i32 add(1: i32 a, 2: i32 b),
  string fail(1: string why) throws (1: Sorry sorry),
  oneway void note(1: string text),
  string slow(1: i32 ms)
}
