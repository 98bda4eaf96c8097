"""Properties: any valid catalog loads, and no bytes bring more than a CatalogError."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import as_yaml, valid_catalogs

from seawall.catalog import Catalog, CatalogError, load

TODAY = date(2026, 11, 24)
ALERTS = {kind: ["ServiceDown", f"{kind.title()}Saturated"] for kind in ("http", "worker", "host", "redis")}
SHOP = Path(__file__).parents[2] / "examples/shop/catalog.yaml"
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


def load_bytes(raw: bytes, folder: Path) -> Catalog | None:
    """Return the catalog that *raw* holds, or None where it is refused as it should be."""
    file = folder / "catalog.yaml"
    file.write_bytes(raw)
    try:
        return load(file, today=TODAY)
    except CatalogError as error:
        refusal = error
    assert refusal.problems
    assert all("\n" not in str(problem) for problem in refusal.problems)
    assert str(refusal).encode()
    return None


@shared
@given(catalog=valid_catalogs(ALERTS))
def test_any_valid_catalog_loads(catalog: dict[str, Any], tmp_path: Path) -> None:
    """With its free text as it was written, and a place for every part."""
    found = load_bytes(as_yaml(catalog).encode(), tmp_path)
    assert found is not None
    for name, service in catalog["services"].items():
        assert service.get("description", "") == found.services[name].description
        assert set(service.get("depends_on", [])) == set(found.services[name].depends_on)
        assert found.where("services", name).column > 1


@shared
@given(catalog=valid_catalogs(ALERTS))
def test_a_catalog_read_twice_is_the_same(catalog: dict[str, Any], tmp_path: Path) -> None:
    """Nothing depends on the order of a set or on the clock."""
    raw = as_yaml(catalog).encode()
    first, second = load_bytes(raw, tmp_path), load_bytes(raw, tmp_path)
    assert first is not None
    assert second is not None
    assert first == second
    assert first.warnings == second.warnings


@shared
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_loaded_or_refused(raw: bytes, tmp_path: Path) -> None:
    """Nothing but CatalogError."""
    load_bytes(raw, tmp_path)


@shared
@given(
    start=st.integers(0, SHOP.stat().st_size),
    length=st.integers(0, 40),
    put=st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"*a", b"&a", b"!!int", b"{", b"[", b"- ", b": ", b"\n", b"<<: ", b'"']),
    ),
)
def test_a_mutated_catalog_is_loaded_or_refused(start: int, length: int, put: bytes, tmp_path: Path) -> None:
    """Whatever is cut out of a good file, and whatever stands there instead."""
    raw = SHOP.read_bytes()
    load_bytes(raw[:start] + put + raw[start + length :], tmp_path)


_anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@shared
@given(catalog=valid_catalogs(ALERTS, most=2), data=st.data())
def test_any_value_in_any_place_is_taken_or_refused(
    catalog: dict[str, Any], data: st.DataObject, tmp_path: Path
) -> None:
    """Every field of the model meets every type that YAML has."""
    holder: Any = catalog
    while True:
        steps = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
        step = data.draw(st.sampled_from(steps))
        inner = holder[step]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        holder = inner
    holder[step] = data.draw(_anything)
    # JSON's words for what is no number are text in YAML; both must do.
    load_bytes(as_yaml(catalog).replace("Infinity", ".inf").replace("NaN", ".nan").encode(errors="replace"), tmp_path)


@pytest.mark.parametrize("count", [200])
def test_wrong_names_in_a_large_catalog_take_no_time(count: int, tmp_path: Path) -> None:
    """A guess for each of many dangling names is bounded."""
    services = {
        f"service-{n:03}": {"kind": "http", "team": "a", "depends_on": [f"srevice-{n:03}"]} for n in range(count)
    }
    file = tmp_path / "catalog.yaml"
    file.write_text(as_yaml({"seawall": 1, "teams": {"a": {}}, "services": services}))
    with pytest.raises(CatalogError) as refused:
        load(file, today=TODAY)
    assert count == len(refused.value.problems)
    assert 'did you mean "service-007"?' in refused.value.problems[7].message
