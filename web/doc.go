// Package web is the log's HTTP server: it wires the API (package api) and the
// pages (package pages) to Echo, bounds what a peer may cost, and answers every
// error: which status each kind of error has stands in one table, statusOf.
//
// It speaks plain HTTP; TLS and limits of rate belong to a proxy in front.
package web
