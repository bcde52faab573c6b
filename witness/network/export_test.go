package network

import "net/http"

// CheckRedirect judges a redirect from one address to another.
func CheckRedirect(from, to string) error {
	first, err := http.NewRequest(http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	next, err := http.NewRequest(http.MethodGet, to, nil)
	if err != nil {
		return err
	}
	return checkRedirect(next, []*http.Request{first})
}
