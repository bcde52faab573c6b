package roll

// WaitSubmitted waits for the submissions that are under way.
func (s *Signer) WaitSubmitted() { s.submissions.Wait() }
