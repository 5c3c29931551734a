package demo

import "github.com/atollsync/atoll"

// throughAPI tries to edit a record over the REST API.
func (s *stage) throughAPI(atoll.SiteID, atoll.Type, atoll.ID) {}
