package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// arguments is what one line of standard input says.
type arguments struct {
	Cmd     string            `json:"cmd"`
	Servant string            `json:"servant"`
	Target  string            `json:"target"`
	Name    string            `json:"name"`
	Text    string            `json:"text"`
	Oneway  bool              `json:"oneway"`
	Context map[string]string `json:"context"`
	Status  map[string]string `json:"status"`
	Timeout int               `json:"timeout"`
	ID      int32             `json:"id"`
	Label   string            `json:"label"`
	Count   int               `json:"count"`
	Rounds  int               `json:"rounds"`
}

type answer map[string]any

type command func(arguments) answer

// lines says READY, then answers one JSON line with another until standard input ends.
func lines(port int, commands map[string]command) {
	fmt.Fprintln(said, "READY", port)
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		result, err := json.Marshal(obey(commands, line))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(said, string(result))
	}
}

func obey(commands map[string]command, line []byte) answer {
	var args arguments
	if err := json.Unmarshal(line, &args); err != nil {
		return answer{"ok": false, "error": "JSON", "message": err.Error()}
	}
	known, ok := commands[args.Cmd]
	if !ok {
		return answer{"ok": false, "error": "NoCommand", "message": args.Cmd}
	}
	return known(args)
}
