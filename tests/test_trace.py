"""Every passage of the founding document has its figures: which they are, and that the sample year has them."""

from __future__ import annotations

import pytest
from sample_year import Q4, Built

# What a passage is about -> the metrics that answer it.
TRACE = {
    "AI, biometrics and privacy; the rules for AI and their inspection": """
        ai_review_rate ai_review_outcomes ai_inspection_rate ai_regulation_age_days ai_rights_complaints
        ai_training_completion_rate""",
    "the Code of Conduct and the human rights policy: its scope, review, partners, and conflicts with national law": """
        gov_code_ack_rate gov_policy_age_days gov_board_reports wrk_policy_coverage_rate gov_policy_partner_outreach
        gov_law_conflict_records""",
    "the ten ILO conventions, the UN and OECD guidance, and the rights of the child": """
        gov_ilo_coverage gov_oecd_step_coverage wrk_collective_coverage_rate wrk_under_min_age grv_child_labour_reports
        sup_forced_child_labour_findings ai_child_rights_checks gov_child_programmes""",
    "targets of the medium term and goals of the fiscal years": "gov_goals_on_track_rate trn_bhr_gap_pp",
    "the annual training and those for managers, interviewers, officers, contractors and specialists": """
        trn_bhr_completion_rate trn_bhr_completion_rate_excl_dispatched trn_bhr_on_time_rate trn_bhr_gap_pp
        trn_hr_themes_delivered trn_hr_hours_per_worker trn_hotline_staff_sessions trn_hotline_staff_trained_rate
        trn_manager_completion_rate trn_interviewer_attendance trn_interviewer_coverage_rate trn_officer_attendance
        trn_officer_coverage_rate trn_group_access_rate trn_security_contractor_rate trn_downstream_lecture_attendance
        trn_highrisk_ops_workshop_rate trn_legal_compliance_rate trn_awareness_messages trn_procurement_staff_rate""",
    "quarterly training of hotline staff, and messages of officers": """
        trn_hotline_staff_sessions trn_hotline_staff_trained_rate trn_awareness_messages""",
    "oversight: officers for each salient issue, the Board, and three committees": """
        gov_salient_officer_rate gov_salient_kpi_rate gov_salient_review_age_days gov_board_reports
        gov_committee_meetings grv_committee_reported_rate geo_committee_reported_rate""",
    "end use, sanctions, fragile countries, agreements, and impact assessments": """
        geo_end_use_check_rate geo_sanctions_screen_rate geo_sanctions_hits geo_high_risk_country_count
        geo_high_risk_customer_check_rate geo_risk_confirmed geo_mitigated_rate geo_committee_reported_rate
        geo_hria_coverage_rate geo_mitigation_started_rate geo_declined_deals""",
    "suppliers: declarations, questionnaires, audits, and what follows from them": """
        sup_declaration_spend_rate sup_declaration_supplier_rate sup_declaration_expiring_90d
        sup_declaration_outdated_version sup_guideline_dissemination_rate sup_saq_response_rate sup_saq_spend_rate
        sup_saq_high_risk sup_saq_followup_rate sup_tier2_saq sup_new_screened_rate sup_third_party_audits
        sup_audit_findings_open sup_cap_on_time_rate sup_forced_child_labour_findings sup_high_risk_country_spend
        sup_high_risk_assessed_rate sup_contract_clause_spend_rate sup_suspended_terminated sup_spend_matched_rate""",
    "the system of safety and health, its self-checks and surveys": """
        wrk_ohs_selfcheck_response_rate wrk_hr_ohs_survey_rate wrk_ohs_system_coverage_rate wrk_ohs_findings_open""",
    "grievance: the channels, their languages and protection, the cases, remedy and recurrence": """
        grv_hrh_cases_reported grv_cases_by_category grv_forced_labour_trafficking_reports grv_child_labour_reports
        grv_zero_claim_strength grv_reports_all_channels grv_supplier_reports grv_customer_resident_reports
        grv_jacer_grievances grv_substantiated_discrimination grv_substantiated_hr_incidents grv_fines_compensation
        grv_substantiation_rate grv_anonymous_share grv_retaliation_allegations grv_ack_7d_rate grv_feedback_3m_rate
        grv_closure_days_median grv_open_cases grv_reopened_cases grv_remedy_rate grv_root_cause_rate
        grv_recurrence_rate grv_confidentiality_breaches grv_actions_overdue grv_committee_reported_rate
        grv_reports_per_100 grv_channel_coverage_rate grv_language_coverage_rate grv_channel_test_pass_rate
        grv_site_contact_coverage_rate grv_silent_entities grv_duplicates_merged grv_recategorised""",
    "dialogues with stakeholders, and memberships": "gov_stakeholder_dialogues gov_initiatives_active",
    "the Modern Slavery Acts of the United Kingdom and of Australia": """
        gov_msa_statement_status grv_forced_labour_trafficking_reports sup_forced_child_labour_findings""",
}
# The self-check starts in fiscal 2024: nothing is measured, and nothing is filled in.
STARTS_LATER = {"wrk_ohs_selfcheck_response_rate"}


@pytest.mark.parametrize("passage", TRACE)
def test_a_passage_has_its_figures(sample: Built, passage: str) -> None:
    states = dict(
        sample.rows(
            "select figures.metric_id, value_state from fct_metric_value as figures inner join dim_metric as metrics"
            " on figures.metric_id = metrics.metric_id and figures.basis = metrics.basis"
            f" and perimeter = headline_perimeter where dimension = 'total' and fiscal_quarter = '{Q4}'"
        )
    )
    named = TRACE[passage].split()
    assert [metric for metric in named if metric not in states] == []
    assert {metric for metric in named if states[metric] == "NOT_MEASURED"} <= STARTS_LATER


def test_the_catalog_has_the_metrics_of_the_trace_and_few_beside_it(sample: Built) -> None:
    named = {metric for metrics in TRACE.values() for metric in metrics.split()}
    known = {metric for (metric,) in sample.rows("select metric_id from dim_metric")}
    assert len(known) == 126
    assert named <= known
    beside = {metric for metric in known - named if not metric.startswith("qa_")}
    assert beside == {"wrk_headcount", "wrk_recordable_accidents"}
