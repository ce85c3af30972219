module example.com/tlspeer

go 1.26
