package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// arguments is what one line of standard input says.
type arguments struct {
	Cmd         string            `json:"cmd"`
	Target      string            `json:"target"`
	Form        string            `json:"form"`
	Service     string            `json:"service"`
	Multiplexed bool              `json:"multiplexed"`
	Method      string            `json:"method"`
	Text        string            `json:"text"`
	A           int32             `json:"a"`
	B           int32             `json:"b"`
	Ms          int32             `json:"ms"`
	N           int32             `json:"n"`
	Client      string            `json:"client"`
	Zlib        bool              `json:"zlib"`
	Info        map[string]string `json:"info"`
	AsCall      bool              `json:"as_call"`
	Count       int               `json:"count"`
	Threads     int               `json:"threads"`
	Calls       []arguments       `json:"calls"`
}

type answer map[string]any

type command func(arguments) answer

// lines says READY, then answers one JSON line with another until standard input ends.
func lines(port int, commands map[string]command) {
	fmt.Println("READY", port)
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		said, err := json.Marshal(obey(commands, line))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(said))
	}
}

func obey(commands map[string]command, line []byte) answer {
	var args arguments
	if err := json.Unmarshal(line, &args); err != nil {
		return failure("JSON", err.Error())
	}
	known, ok := commands[args.Cmd]
	if !ok {
		return failure("NoCommand", args.Cmd)
	}
	return known(args)
}

func failure(kind, message string) answer {
	return answer{"ok": false, "error": kind, "message": message}
}
