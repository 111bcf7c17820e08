{# The figures of labor in supply chains; what each word means stands in macros/figures.sql. #}
{% macro supply_chain_figures() -%}
{%- set not_valued = {'in a currency without a rate': 'not counted.is_valued'} -%}
{%- set of_unknown_declaration = {'with a declaration of unknown status only': nobody_knows('counted.is_declared')} -%}
{%- set bought = {
    'rows': 'int_spend_of_twelve_months',
    'bases': ['t12m'],
    'perimeters': ['grp'],
    'adds': 'counted.amount_jpy',
    'of': 'counted.amount_jpy',
    'left_out': not_valued,
    'stands_for': 'counted.invoice_lines',
    'behind': {'rows': 'int_spend_lines_of_twelve_months'},
    'is_measured': 'coalesce(sum(counted.amount_jpy) > 0, false)',
    'firms': 'counted.supplier_key',
} -%}
{%- set suppliers = {
    'rows': 'int_suppliers_active',
    'key': 'counted.supplier_key',
    'bases': ['asof'],
    'perimeter': 'grp',
    'of': '1',
    'firms': 'counted.supplier_key',
} -%}
{%- set by_amount = dict(suppliers, adds='counted.amount_jpy', of='counted.amount_jpy') -%}
{%- set declared = dict(by_amount, among='coalesce(counted.is_declared, true)', left_out=of_unknown_declaration) -%}
{%- set questionnaires = {
    'rows': 'int_questionnaires',
    'key': 'counted.assessment_id',
    'bases': ['ytd'],
    'perimeter': 'grp',
    'firms': 'counted.supplier_key',
} -%}
{%- set flagged = dict(questionnaires, rows='int_suppliers_high_risk', key='counted.flag', day='counted.submitted_on',
    metric='sup_saq_high_risk', distinct='counted.supplier_key',
    since='select min(sent_on) from ' ~ ref('stg_procurement__assessment')) -%}
{%- set audits = {
    'metric': 'sup_third_party_audits',
    'rows': 'stg_procurement__audit',
    'key': 'counted.audit_id',
    'day': 'counted.completed_on',
    'perimeter': 'grp',
    'left_out': {'by own people': "counted.auditor_kind <> 'THIRD_PARTY'"},
    'since': 'select min(planned_on) from ' ~ ref('stg_procurement__audit'),
} -%}
{%- set findings = {
    'rows': 'int_supplier_findings',
    'key': 'counted.finding_id',
    'perimeter': 'grp',
    'firms': 'counted.supplier_key',
    'since': 'select min(found_on) from ' ~ ref('int_supplier_findings'),
} -%}
{{ return([
    dict(bought, metric='sup_declaration_spend_rate', perimeters='all', counts='counted.is_declared',
        left_out=dict(not_valued, **of_unknown_declaration), dimensions={
        'buying_region': 'counted.buying_region',
        'buying_entity': 'counted.buying_entity',
        'spend_category': 'counted.category',
        'tier': 'counted.tier',
    }),
    dict(suppliers, metric='sup_declaration_supplier_rate', counts='counted.is_declared',
        left_out=of_unknown_declaration, dimensions={
        'tier': 'counted.tier', 'size_band': 'counted.size_band', 'region': 'counted.region',
    }),
    dict(declared, metric='sup_declaration_expiring_90d',
        counts='counted.is_declaration_expiring'),
    dict(bought, metric='sup_declaration_expiring_90d', bases=['asof'], parts_only=true,
        among='counted.is_declared and counted.is_active', counts='counted.is_declaration_expiring',
        dimensions={'spend_category': 'counted.category'}),
    dict(declared, metric='sup_declaration_outdated_version',
        counts='counted.is_declaration_outdated', dimensions={'guideline_version': 'counted.guideline_version'}),
    dict(suppliers, metric='sup_guideline_dissemination_rate', counts='counted.has_guidelines',
        dimensions={'region': 'counted.region'}),
    dict(questionnaires, metric='sup_saq_response_rate', day='counted.due_on',
        counts='counted.submitted_on <= quarters.quarter_end', of='1',
        dimensions={'tier': 'counted.tier', 'region': 'counted.region'}),
    dict(by_amount, metric='sup_saq_spend_rate', bases=['t12m'], counts='counted.has_questionnaire'),
    dict(bought, metric='sup_saq_spend_rate', parts_only=true, among='counted.is_active',
        counts='counted.has_questionnaire', dimensions={'spend_category': 'counted.category'}),
    dict(flagged, bases=['qtr']),
    dict(flagged, dimensions={'tier': 'counted.tier', 'topic': 'counted.topic'}),
    dict(suppliers, metric='sup_saq_followup_rate', rows='int_suppliers_flagged', counts='counted.is_followed_up',
        dimensions={'topic': 'counted.topic'}),
    dict(questionnaires, metric='sup_tier2_saq', day='counted.submitted_on', among='counted.tier >= 2',
        distinct='counted.supplier_key', dimensions={'region': 'counted.region'}, since=flagged.since),
    dict(suppliers, metric='sup_new_screened_rate', rows='int_suppliers_new', bases=['ytd'],
        counts='counted.is_screened', dimensions={'region': 'counted.region'}),
    dict(audits, bases=['qtr', 'asof']),
    dict(audits, bases=['ytd'], dimensions={'audit_kind': 'counted.kind', 'country_iso2': 'counted.country_iso2'}),
    dict(findings, metric='sup_audit_findings_open', rows='int_supplier_findings_open', bases=['asof'], dimensions={
        'severity': 'counted.severity', 'topic_code': 'counted.topic_code', 'due_state': 'counted.due_state',
    }),
    dict(suppliers, metric='sup_cap_on_time_rate', rows='int_supplier_corrective_actions', key='counted.action_id',
        bases=['qtr'], day='counted.due_on', counts='counted.is_on_time', dimensions={'severity': 'counted.severity'}),
    dict(findings, metric='sup_forced_child_labour_findings', bases=['ytd'], day='counted.found_on', left_out={
        'of another topic, or not confirmed': 'not counted.is_forced_or_child_labour',
    }, dimensions={'country_iso2': 'counted.country_iso2', 'tier': 'counted.tier'}),
    dict(by_amount, metric='sup_high_risk_country_spend', bases=['t12m'],
        counts='counted.is_in_high_risk_country', dimensions={'country_iso2': 'counted.country_iso2'}),
    dict(bought, metric='sup_high_risk_country_spend', parts_only=true, among='counted.is_active',
        counts='counted.is_in_high_risk_country', dimensions={'spend_category': 'counted.category'}),
    dict(suppliers, metric='sup_high_risk_assessed_rate', among='counted.is_in_high_risk_country',
        counts='counted.is_assessed', dimensions={'country_iso2': 'counted.country_iso2'}),
    dict(bought, metric='sup_contract_clause_spend_rate', counts='counted.has_clause',
        dimensions={'buying_region': 'counted.buying_region'}),
    dict(findings, metric='sup_suspended_terminated', rows='int_supplier_exits', key='counted.exit_id', bases=['ytd'],
        day='counted.decided_on', left_out={'for another reason': 'not counted.is_for_human_rights'},
        distinct='counted.supplier_key', dimensions={'reason': 'counted.reason'},
        since='select min(decided_on) from ' ~ ref('int_supplier_exits')),
    dict(by_amount, metric='sup_spend_matched_rate', rows='int_supplier_spend', bases=['qtr'],
        day='counted.posting_month', is_measured=bought.is_measured, left_out=not_valued,
        stands_for='counted.invoice_lines',
        behind={'rows': 'int_supplier_spend_lines', 'key': 'counted.row_key', 'day': 'counted.posting_date'},
        counts='counted.is_matched', dimensions={'source_system': 'counted.source_system'}),
]) }}
{%- endmacro %}
