package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// PreferenceView is a preference with what is set, and what holds.
type PreferenceView struct {
	Key     string   `json:"key" example:"pack_to_one"`
	Kind    string   `json:"kind" enum:"yes/no,number,choice,text" example:"yes/no"`
	Values  []string `json:"values,omitempty" doc:"Of a choice"`
	Sites   bool     `json:"sites,omitempty" doc:"It can be set for all sites but some, as {\"on\": true, \"except\": [2]}"`
	System  bool     `json:"system" doc:"It can be set for the whole system"`
	Store   bool     `json:"store" doc:"It can be set for one store"`
	Says    string   `json:"says" doc:"What it does"`
	Default any      `json:"default" doc:"What holds when nothing is set"`
	Set     any      `json:"set,omitempty" doc:"What is set for the system"`
	Own     any      `json:"own,omitempty" doc:"What is set for the store that was asked about"`
	Holds   any      `json:"holds" doc:"What holds"`
}

func preferenceView(p station.Preference) PreferenceView {
	v := PreferenceView{Key: p.Key, Kind: p.Kind, Values: p.Values, Sites: p.Sites, System: p.System, Store: p.Store, Says: p.Says}
	for _, each := range []struct {
		raw  json.RawMessage
		into *any
	}{{json.RawMessage(p.Default), &v.Default}, {p.Set, &v.Set}, {p.Own, &v.Own}, {p.Holds, &v.Holds}} {
		if each.raw != nil && json.Unmarshal(each.raw, each.into) != nil {
			*each.into = string(each.raw)
		}
	}
	return v
}

type preferencesInput struct {
	Store string `query:"store" maxLength:"200" doc:"As they hold for this store: its id, code or name"`
}

type preferencesAnswer struct {
	Body struct {
		Preferences []PreferenceView `json:"preferences" doc:"By key"`
	}
}

type preferenceInput struct {
	Key  string `path:"key" maxLength:"80" example:"pack_to_one"`
	Body struct {
		Value any    `json:"value" doc:"true, false, a number, or one of its values"`
		Store string `json:"store,omitempty" maxLength:"200" doc:"For this store only: its id, code or name"`
	}
}

type preferenceAnswer struct{ Body PreferenceView }

func (s *server) preferenceOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-preferences", Method: http.MethodGet, Path: "/preferences", Tags: []string{"sites"},
		Summary: "List preferences", Description: "Every choice of the system, or of a store: what it does, what is set, and what holds.",
	}, func(ctx context.Context, in *preferencesInput) (*preferencesAnswer, error) {
		store, err := s.storeNamed(ctx, in.Store)
		if err != nil {
			return nil, err
		}
		list, err := s.Station.Preferences(ctx, store)
		out := &preferencesAnswer{}
		out.Body.Preferences = []PreferenceView{}
		for _, p := range list {
			out.Body.Preferences = append(out.Body.Preferences, preferenceView(p))
		}
		return out, err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "set-preference", Method: http.MethodPut, Path: "/preferences/{key}", Tags: []string{"sites"},
		Summary:     "Set a preference",
		Description: "Of the system, on the site that edits central data; of a store, at the central server. It holds where it arrives, with the next synchronisation.",
	}, func(ctx context.Context, in *preferenceInput) (*preferenceAnswer, error) {
		store, err := s.storeNamed(ctx, in.Body.Store)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(in.Body.Value)
		if err != nil {
			return nil, err
		}
		if _, err := s.Station.SetPreference(ctx, actor(ctx), in.Key, value, store); err != nil {
			return nil, err
		}
		list, err := s.Station.Preferences(ctx, store)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if p.Key == in.Key {
				return &preferenceAnswer{Body: preferenceView(p)}, nil
			}
		}
		return nil, atoll.Errorf(atoll.NotFound, "there is no preference %q", in.Key)
	})
	s.example("preferences", "/{key}", http.MethodPut, "pack_to_one", map[string]any{"for the system": map[string]any{"value": true}})
}
