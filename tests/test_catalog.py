"""What each metric was asked for, on which bases and by which dimensions, and what is left out for which reason."""

from __future__ import annotations

import re

from sample_year import Built

from pipeline import store

# Metric, the bases it is asked on, and what it is asked by, in this project's words. Perimeters and quarters go without
# saying: they are columns of every figure.
ASKED = """
    trn_bhr_completion_rate                ytd      worker_category org_unit_code country_iso2 work_language
    trn_bhr_completion_rate_excl_dispatched ytd
    trn_bhr_on_time_rate                   ytd      org_unit_code worker_category
    trn_bhr_gap_pp                         ytd
    trn_hr_themes_delivered                ytd      theme
    trn_hr_hours_per_worker                ytd      worker_category gender
    trn_hotline_staff_sessions             qtr      desk
    trn_hotline_staff_trained_rate         qtr      desk
    trn_manager_completion_rate            ytd      cohort org_unit_code
    trn_interviewer_attendance             ytd      org_unit_code session
    trn_interviewer_coverage_rate          ytd      org_unit_code
    trn_officer_attendance                 ytd
    trn_officer_coverage_rate              ytd      entity_code
    trn_group_access_rate                  asof     entity_code
    trn_security_contractor_rate           ytd      site_code employer
    trn_downstream_lecture_attendance      ytd      mode
    trn_highrisk_ops_workshop_rate         ytd      region
    trn_legal_compliance_rate              ytd      org_unit_code
    trn_awareness_messages                 qtr      officer_role channel
    trn_procurement_staff_rate             ytd      region
    grv_hrh_cases_reported                 qtr+ytd  category reporter_type identity entity_code
    grv_cases_by_category                  qtr+ytd  category
    grv_forced_labour_trafficking_reports  qtr+ytd  channel reporter_type entity_code
    grv_child_labour_reports               qtr+ytd  channel reporter_type
    grv_zero_claim_strength                asof     entity_code work_language
    grv_reports_all_channels               qtr+ytd  channel
    grv_supplier_reports                   qtr+ytd  channel region
    grv_customer_resident_reports          qtr+ytd  topic
    grv_jacer_grievances                   qtr+ytd  status stage country_iso2
    grv_substantiated_discrimination       ytd      ground entity_code
    grv_substantiated_hr_incidents         ytd      primary_category
    grv_fines_compensation                 ytd      entity_code incident_class
    grv_substantiation_rate                t12m     channel primary_category
    grv_anonymous_share                    ytd      channel
    grv_retaliation_allegations            ytd      channel
    grv_ack_7d_rate                        qtr      channel
    grv_feedback_3m_rate                   qtr      channel
    grv_closure_days_median                t12m     primary_category
    grv_open_cases                         asof     age_band
    grv_reopened_cases                     qtr      reason
    grv_remedy_rate                        t12m     remedy_type
    grv_root_cause_rate                    t12m     primary_category
    grv_recurrence_rate                    t12m     primary_category
    grv_confidentiality_breaches           ytd      channel
    grv_actions_overdue                    asof     owner_division
    grv_committee_reported_rate            qtr
    grv_reports_per_100                    t12m     entity_code
    grv_channel_coverage_rate              asof     entity_code region
    grv_language_coverage_rate             asof     work_language country_iso2
    grv_channel_test_pass_rate             qtr      channel region language
    grv_site_contact_coverage_rate         asof     site_code
    grv_silent_entities                    t12m     region
    grv_duplicates_merged                  qtr      channel_pair
    grv_recategorised                      qtr      from_category to_category
    sup_declaration_spend_rate             t12m     buying_region spend_category tier buying_entity
    sup_declaration_supplier_rate          asof     tier size_band
    sup_declaration_expiring_90d           asof     spend_category
    sup_declaration_outdated_version       asof     guideline_version
    sup_guideline_dissemination_rate       asof     region
    sup_saq_response_rate                  ytd      tier region
    sup_saq_spend_rate                     t12m     spend_category
    sup_saq_high_risk                      ytd      tier topic
    sup_saq_followup_rate                  asof     topic
    sup_tier2_saq                          ytd      region
    sup_new_screened_rate                  ytd      region
    sup_third_party_audits                 ytd+asof country_iso2 audit_kind
    sup_audit_findings_open                asof     severity topic_code
    sup_cap_on_time_rate                   qtr      severity
    sup_forced_child_labour_findings       ytd      country_iso2 tier
    sup_high_risk_country_spend            t12m     country_iso2 spend_category
    sup_high_risk_assessed_rate            asof     country_iso2
    sup_contract_clause_spend_rate         t12m     buying_region
    sup_suspended_terminated               ytd      reason
    sup_spend_matched_rate                 qtr      source_system
    wrk_headcount                          asof     worker_category gender country_iso2 entity_code
    wrk_policy_coverage_rate               asof     entity_code region
    wrk_under_min_age                      asof     country_iso2
    wrk_collective_coverage_rate           asof     country_iso2
    wrk_ohs_selfcheck_response_rate        ytd      region
    wrk_hr_ohs_survey_rate                 ytd      region
    wrk_ohs_system_coverage_rate           asof     entity_code worker_category
    wrk_ohs_findings_open                  asof     entity_code
    wrk_recordable_accidents               ytd      worker_category
    geo_end_use_check_rate                 qtr      country_iso2 product_class
    geo_sanctions_screen_rate              qtr      country_iso2
    geo_sanctions_hits                     qtr      list_set_version program
    geo_high_risk_country_count            asof     list_version risk_dimension
    geo_high_risk_customer_check_rate      qtr      country_iso2
    geo_risk_confirmed                     qtr      risk_type
    geo_mitigated_rate                     asof     risk_type
    geo_committee_reported_rate            qtr
    geo_hria_coverage_rate                 asof     region affiliate_type
    geo_mitigation_started_rate            asof     affiliate_type
    geo_declined_deals                     ytd      reason
    ai_review_rate                         qtr      domain region
    ai_review_outcomes                     qtr      domain
    ai_inspection_rate                     ytd      unit
    ai_regulation_age_days                 asof     document
    ai_training_completion_rate            ytd      org_unit_code
    ai_rights_complaints                   qtr      channel product_line
    ai_child_rights_checks                 ytd      product_line
    gov_salient_officer_rate               asof     issue
    gov_salient_kpi_rate                   qtr      issue
    gov_salient_review_age_days            asof     issue
    gov_board_reports                      qtr+ytd  body
    gov_committee_meetings                 ytd      committee
    gov_stakeholder_dialogues              ytd      stakeholder_group
    gov_policy_age_days                    asof     document
    gov_code_ack_rate                      asof     worker_category entity_code
    gov_policy_partner_outreach            ytd      party_type
    gov_law_conflict_records               ytd      country_iso2 right_code
    gov_child_programmes                   ytd      country_iso2
    gov_msa_statement_status               asof     entity_code law
    gov_initiatives_active                 asof     initiative
    gov_goals_on_track_rate                qtr      theme
    gov_oecd_step_coverage                 qtr      step
    gov_ilo_coverage                       asof     convention
    qa_person_match_rate                   qtr      source
    qa_source_freshness_days               qtr      extract
    qa_uncategorised_rate                  qtr      channel
    qa_vanished_rows                       qtr      extract table
    qa_estimated_share                     qtr      theme
    qa_restated_figures                    qtr      reason size
    qa_suppressed_cells                    qtr      table
    qa_gate_pass_rate                      qtr      suite
    qa_signoff_lead_days                   qtr      role
"""
BY = re.compile(r"'(\w+)' as metric_id,\s+\S+ as perimeter,\s+'\w+' as basis,\s+\S+,\s+'(\w+)' as dimension,")
NO_EXTRACT = "no extract has it"
LEFT_OUT = {
    ("trn_hr_hours_per_worker", "gender"): NO_EXTRACT,
    ("wrk_headcount", "gender"): NO_EXTRACT,
    ("trn_hotline_staff_trained_rate", "desk"): NO_EXTRACT,
    ("grv_jacer_grievances", "stage"): NO_EXTRACT,
    ("grv_jacer_grievances", "country_iso2"): NO_EXTRACT,
    ("grv_reopened_cases", "reason"): NO_EXTRACT,
    ("geo_risk_confirmed", "risk_type"): NO_EXTRACT,
    ("geo_mitigated_rate", "risk_type"): NO_EXTRACT,
    ("ai_rights_complaints", "product_line"): NO_EXTRACT,
    ("grv_hrh_cases_reported", "category"): "grv_cases_by_category counts the same cases by it",
    ("trn_interviewer_attendance", "session"): "a person is counted once, and may have been at two",
    ("trn_interviewer_attendance", "org_unit_code"): "who was there may have left the unit since, or worked in two",
    ("grv_site_contact_coverage_rate", "site_code"): "of one site it is yes or no: it is given by region",
    ("grv_channel_test_pass_rate", "region"): "a channel is tested as one, whomever it serves",
    ("grv_channel_test_pass_rate", "language"): "a channel is tested as one, in whichever of its languages",
    ("grv_remedy_rate", "remedy_type"): "a case may have remedies of several kinds",
    ("grv_recategorised", "from_category"): "from what to what tells of single cases",
    ("grv_recategorised", "to_category"): "from what to what tells of single cases",
    ("qa_vanished_rows", "table"): "an extract is one table",
    ("qa_restated_figures", "reason"): "the revision of a release has each figure's reason codes",
    ("qa_suppressed_cells", "table"): "counted where cells are withheld, after the mart",
}


def asked() -> dict[str, tuple[set[str], set[str]]]:
    """Metric -> bases, dimensions."""
    return {
        metric: (set(bases.split("+")), set(dimensions))
        for metric, bases, *dimensions in (line.split() for line in ASKED.strip().splitlines())
    }


def test_every_metric_stands_on_the_bases_that_it_is_asked_on(sample: Built) -> None:
    given = dict(sample.rows("select metric_id, list(distinct basis) from fct_metric_value group by all"))
    headline = dict(sample.rows("select metric_id, basis from dim_metric"))
    assert set(given) == set(headline) == set(asked())
    for metric, (bases, _) in asked().items():
        assert headline[metric] in bases <= set(given[metric]), metric


def test_what_is_asked_by_perimeter_is_given_for_every_one_of_them(sample: Built) -> None:
    perimeters = dict(sample.rows("select metric_id, list(distinct perimeter) from fct_metric_value group by all"))
    for metric in ("trn_bhr_completion_rate", "trn_bhr_completion_rate_excl_dispatched", "trn_bhr_gap_pp"):
        assert set(perimeters[metric]) == {"corp", "jp", "grp", "emea", "au"}


def test_every_metric_is_given_by_what_it_is_asked_by_but_for_what_is_left_out_with_a_reason(sample: Built) -> None:
    # As the build's own statements say it: of a count that is zero no part has a row.
    given = sorted(set(BY.findall("\n".join(statements_of_the_metrics(sample)))))
    rows = sample.rows("select distinct metric_id, dimension from fct_metric_value")
    assert set(rows) <= set(given)
    for metric, (_, dimensions) in asked().items():
        left_out = {dimension for of, dimension in LEFT_OUT if of == metric}
        by = {dimension for of, dimension in given if of == metric}
        assert dimensions - by == left_out, metric


def statements_of_the_metrics(built: Built) -> list[str]:
    nodes = store.read_json(built.folder / "target" / "manifest.json")["nodes"].values()
    return [node["compiled_code"] for node in nodes if node["name"].startswith("metrics_")]
