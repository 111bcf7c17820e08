"""Who may do what in Airflow: one person starts, another answers, and nobody may pretend that a step happened."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from pipeline.errors import BadSettings
from pipeline.settings import Settings


class TwoPersonAuthority(SimpleAuthManager):
    """Airflow's simple users, with the rule of two persons.

    Below ADMIN: everybody reads; only an approver of the settings answers a gate; only somebody who is no approver
    starts a run; nobody marks, clears, pauses, deletes, or writes a task's results. An ADMIN who is no approver
    cannot answer a gate either. Publishing does not rely on any of this: it verifies its own evidence.
    """

    def init(self) -> None:
        """Refuse to start while a user has no password: Airflow would invent one and print it to a log."""
        passwords = _passwords(Path(self.get_generated_password_file()))
        without = sorted(user.username for user in self.get_users() if not passwords.get(user.username))
        if without:
            raise BadSettings(
                "Airflow cannot start: a user has no password.",
                found="no password for " + ", ".join(without),
                expected="one password for each user of [core] simple_auth_manager_users",
                rule="events/authority.py",
                next_step="add the user to the passwords file, a JSON object of user and password, mode 0600",
            )

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Whether the user may do this to a DAG, or to what belongs to it."""
        if not super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details):
            return False
        if method == "GET" or self._is_admin(user):
            return True
        is_approver = user.get_id() in Settings.load().approvers
        if access_entity is DagAccessEntity.HITL_DETAIL:
            return is_approver and method == "PUT"
        if access_entity is DagAccessEntity.RUN:
            return not is_approver and method == "POST"
        return False

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: SimpleAuthManagerUser) -> bool:
        """Whether the user may answer this gate: asked by name, and still an approver of the settings."""
        return user.get_id() in assigned_users and user.get_id() in Settings.load().approvers


def _passwords(file: Path) -> dict[str, str]:
    if not file.is_file() or os.stat(file).st_size == 0:
        return {}
    passwords = json.loads(file.read_text())
    return passwords if isinstance(passwords, dict) else {}
