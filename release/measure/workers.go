package measure

import (
	"fmt"
	"runtime"
	"strings"
)

// workers is how many goroutines hash at the same time.
func workers() int { return runtime.GOMAXPROCS(0) }

// quoteWords joins words for a message; one that is not printable is quoted.
func quoteWords(words []string) string {
	var text []string
	for _, word := range words {
		if !isPrintableASCII(word) {
			word = fmt.Sprintf("%+q", word)
		}
		text = append(text, word)
	}
	return strings.Join(text, ":")
}
