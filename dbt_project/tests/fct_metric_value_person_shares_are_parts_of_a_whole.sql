-- Nobody is counted in a numerator who is not in its denominator.
select
    metric_id,
    perimeter,
    basis,
    fiscal_quarter,
    dimension,
    dimension_value
from {{ ref('fct_metric_value') }}
where
    is_person_count
    and denominator is not null
    and (numerator < 0 or numerator > denominator)
