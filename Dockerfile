# The image of Airflow's services: the locked environment and this project, run as an ordinary user.
FROM python:3.11.14-slim-bookworm

ARG UID=1000
ENV PATH=/hrdd/.venv/bin:$PATH PYTHONUNBUFFERED=1

RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl git libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid "$UID" --user-group --no-create-home --home-dir /airflow hrdd \
    && install -d -o hrdd -g hrdd -m 0750 /data /logs /airflow

WORKDIR /hrdd
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-compile --no-deps --require-hashes -r requirements.lock

COPY . .
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q -j 0 .venv/lib pipeline ingest dbt_project expectations publish events portal dags

USER hrdd
