package main

type importCmd struct {
	Msupply importMsupplyCmd `cmd:"" help:"Read a capture of an mSupply server's answers."`
}

type importMsupplyCmd struct{}

// Run imports.
func (importMsupplyCmd) Run(*session) error { return nil }
