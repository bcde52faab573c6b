package main

import (
	"net"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client/proxy"
	"github.com/muster-log/muster/internal/exitcode"
)

func (a *app) proxyCommand() *cobra.Command {
	var n nodeClient
	var listen, node string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "proxy --listen ADDR --node URL --policy FILE --requirements FILE",
		Short: "pass the requests of programs on this machine to a node that passes, and to no other",
		Long: `Listens for plain HTTP on this machine alone, and passes each request to the node, as
muster verify node judges it, over the connection that was judged. A node that does not
pass gets nothing, and whoever asked gets status 502 with the verdict.

Give programs in any language its address in place of the node's.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "listen", "node"); err != nil {
				return err
			}
			at, err := nodeURL(cmd, node)
			if err != nil {
				return err
			}
			transport, err := n.transport(a, cmd)
			if err != nil {
				return err
			}
			logger := a.Logger(verbose)
			handler, err := proxy.New(at, transport, logger)
			if err != nil {
				return usage(cmd, err)
			}
			listener, err := proxy.Listen(listen)
			if err != nil {
				return fail(exitcode.Usage, "listen", "", err)
			}
			logger.Info("listening", "url", listeningAt(listener.Addr()), "node", at.Host)
			return proxy.Serve(cmd.Context(), listener, handler, logger)
		},
	}
	n.flags(cmd)
	cmd.Flags().StringVar(&listen, "listen", "", "where to listen: 127.0.0.1:PORT, [::1]:PORT or unix:/path; port 0 takes a free one")
	cmd.Flags().StringVar(&node, "node", "", "the node's https `URL`")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every request")
	return cmd
}

// listeningAt is where programs reach the proxy.
func listeningAt(address net.Addr) string {
	if address.Network() == "unix" {
		return "unix:" + address.String()
	}
	return "http://" + address.String()
}
