-- Of another theme's figure, but cases of the hotline: its rows are told by the view of the cases.
select row_key, part, reason
from rows_cases
where
    metric_id = 'qa_uncategorised_rate'
    and perimeter = 'jp'
    and basis = 'qtr'
    and fiscal_quarter = $fiscal_quarter
