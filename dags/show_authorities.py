"""No DAG. Airflow shows an import error of this file while an authority's table cannot be used; see there."""

from __future__ import annotations

from birthshare_authorities import check_authorities

check_authorities()
