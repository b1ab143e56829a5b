"""The networks whose posts Myna holds, and whom to thank for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Network:
    """A network as people see it named. ``name`` is what posts carry and ``network:`` takes."""

    name: str
    title: str
    attribution: str = ""
    """Whom the posts' licence asks to be named; shown in the app."""
    license_url: str = ""
    home_url: str = ""


def save_network(conn: Connection, network: Network) -> None:
    """Insert ``network`` or bring its words up to date."""
    conn.execute(
        text(
            """
            insert into networks (name, title, attribution, license_url, home_url)
            values (:name, :title, :attribution, :license_url, :home_url)
            on conflict (name) do update set
                title = excluded.title,
                attribution = excluded.attribution,
                license_url = excluded.license_url,
                home_url = excluded.home_url
            """
        ),
        asdict(network),
    )


def ensure_network(conn: Connection, name: str) -> None:
    """Make ``name`` known under its own name as title, unless it is known already."""
    conn.execute(
        text("insert into networks (name, title) values (:name, :name) on conflict do nothing"),
        {"name": name},
    )


def list_networks(conn: Connection) -> list[Network]:
    """Every network, by name."""
    rows = conn.execute(
        text("select name, title, attribution, license_url, home_url from networks order by name")
    )
    return [Network(*row) for row in rows]
