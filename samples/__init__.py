"""The sample year: made-up extracts of FY2023 Q4 with the quarters before it."""
