// Three requests need the settings. The first request loads them once; the others wait.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func main() {
	port := sync.OnceValue(func() int {
		fmt.Println("loading the settings")
		time.Sleep(2 * second)
		return 8080
	})

	var group sync.WaitGroup
	for _, name := range []string{"A", "B", "C"} {
		group.Go(func() { fmt.Printf("request %s uses port %d\n", name, port()) })
	}
	group.Wait()
	fmt.Println("once more:", port())
}
