package main

type demoCmd struct{}

// Run runs the demo.
func (demoCmd) Run(*session) error { return nil }
