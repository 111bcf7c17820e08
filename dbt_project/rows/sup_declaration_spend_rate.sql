-- Every invoice line of the twelve months: covered by a declaration, external and not covered, or left out.
with

lines as (
    select
        spend.source_system,
        spend.invoice_id,
        spend.line,
        counted.supplier_key,
        coalesce(declared.is_status_known, false) as is_declared,
        coalesce(declared.is_status_known, true) as is_declaration_known,
        counted.is_valued,
        bought.invoice_id is not null as is_in_perimeter
    from stg_procurement__spend as spend
    inner join dim_quarter as quarters
        on spend.posting_date between quarters.trailing_year_start and quarters.quarter_end
    left join int_invoice_lines as bought
        on bought.source_system = spend.source_system
        and bought.invoice_id = spend.invoice_id
        and bought.line = spend.line
    left join int_supplier_spend_lines as counted
        on counted.source_system = spend.source_system
        and counted.invoice_id = spend.invoice_id
        and counted.line = spend.line
    left join int_suppliers_with_declaration as declared
        on declared.fiscal_quarter = quarters.fiscal_quarter
        and declared.supplier_key = counted.supplier_key
    where quarters.fiscal_quarter = $fiscal_quarter
)

select
    source_system || ' ' || invoice_id || ' ' || line as row_key,
    case
        when is_valued and is_declared then 'numerator'
        when is_valued and is_declaration_known then 'denominator only'
        else 'left out'
    end as part,
    case
        when is_valued and is_declaration_known then null
        when not is_valued then 'in a currency without a rate'
        when not is_declaration_known then 'with a declaration of unknown status only'
        when not is_in_perimeter then 'bought by a company outside the group'
        else 'bought from a group company'
    end as reason
from lines
