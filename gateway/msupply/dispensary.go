package msupply

import "github.com/atollsync/atoll"

// dispensaryTables are what only dispensaries need, and the papers of patients.
var dispensaryTables = []table{
	{name: "abbreviation", makes: []atoll.Type{"abbreviation"}, fields: []field{
		{"abbreviation", "abbreviation", nil}, {"expansion", "expansion", nil},
	}},
	{name: "item_direction", makes: []atoll.Type{"item_direction"}, fields: []field{
		{"item_ID", "item_id", nil}, {"directions", "directions", nil}, {"priority", "priority", nil},
	}},
	{name: "diagnosis", makes: []atoll.Type{"diagnosis"}, fields: []field{
		{"ICD_CODE", "code", nil}, {"ICD_DESCRIPTION", "description", nil}, {"NOTES", "notes", nil}, {"VALID_TILL", "valid_till", nil},
	}},
	{name: "patient_event", makes: []atoll.Type{"patient_event_type"}, fields: []field{
		{"code", "code", nil}, {"description", "description", nil}, {"event_type", "event_kind", nil}, {"unit", "unit", nil},
	}},
	{name: "insuranceProvider", makes: []atoll.Type{"insurance_provider"}, fields: []field{
		{"providerName", "name", nil},
		{"isActive", "is_active", nil},
		{"prescriptionValidityDays", "prescription_validity_days", nil},
		{"comment", "comment", nil},
	}},
	{name: "nameInsuranceJoin", makes: []atoll.Type{"insurance_policy"}, fields: []field{
		{"nameID", "patient_id", nil},
		{"insuranceProviderID", "insurance_provider_id", nil},
		{"policyNumberFull", "policy_number", nil},
		{"policyNumberFamily", "policy_number_family", nil},
		{"policyNumberPerson", "policy_number_person", nil},
		{"type", "kind", map[string]string{"personal": "personal", "business": "business"}},
		{"discountRate", "discount_percent", nil},
		{"expiryDate", "expiry_date", nil},
		{"isActive", "is_active", nil},
	}, also: func(r *row) { r.user("enteredByID", "entered_by") }},
	{name: "form_schema", makes: []atoll.Type{"form_schema"}, fields: []field{
		{"type", "kind", nil}, {"json_schema", "json_schema", nil}, {"ui_schema", "ui_schema", nil},
	}},
	{name: "om_document_registry", makes: []atoll.Type{"document_registry"}, fields: []field{
		{"document_type", "document_type", nil},
		{"name", "name", nil},
		{"form_schema_ID", "form_schema_id", nil},
		{"category", "category", map[string]string{
			"PATIENT": "patient", "PROGRAM_ENROLMENT": "program_enrolment", "ENCOUNTER": "encounter",
			"CONTACT_TRACE": "contact_trace", "CUSTOM": "custom",
		}},
		{"context_ID", "context_id", nil},
		{"config", "config", nil},
	}},
	{name: "om_document", makes: []atoll.Type{"document"}, fields: []field{
		{"owner_name_ID", "patient_id", nil},
		{"name", "name", nil},
		{"type", "document_type", nil},
		{"parent_IDs", "parent_ids", nil},
		{"form_schema_ID", "form_schema_id", nil},
		{"context_ID", "context_id", nil},
		{"data", "data", nil},
		{"status", "status", map[string]string{"ACTIVE": "active", "DELETED": "deleted"}},
	}, also: func(r *row) {
		r.moment("recorded_at", "datetime")
		r.user("user_ID", "user_id")
	}},
}
