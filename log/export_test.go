package log

// Waiting is how many submissions are in the queue.
func (l *Log) Waiting() int { return len(l.queue) }
