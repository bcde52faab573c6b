package main

import (
	"log/slog"
	"net"
	"os"
)

// notifySocket is the variable that names systemd's socket for news of a
// service, as a path or, with an at sign before it, an abstract name.
const notifySocket = "NOTIFY_SOCKET"

// notify tells systemd the service's state (sd_notify(3)), "READY=1" once it
// answers, "STOPPING=1" when it ends. Where systemd has not started the program
// nobody is told. A message that does not arrive stops nothing: systemd does what
// the unit says of a service that does not become ready.
func notify(logger *slog.Logger, message string) {
	path := os.Getenv(notifySocket)
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(message))
		conn.Close()
	}
	if err != nil {
		logger.Warn("systemd was not told", "message", message, "error", err)
	}
}
