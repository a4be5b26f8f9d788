import pytest
from fleet.actors import Role
from tests.pages.conftest import text_of


def test_smoke(admin, make):
    site = make.site(stage="live")
    dock = make.dock(site=site)
    cam = make.camera(home_dock=dock)
    o = make.officer(name="<b>x</b>")
    t = make.taser(holder=o, home_site=site)
    make.issued(cam, o)
    for p in [
        "/",
        "/cameras",
        "/cameras?model=body-2&q=X&sort=custody&order=descending&attention=any",
        "/cameras?phase=x",
        "/cameras?foo=1",
        "/cameras?q=%00",
        "/cameras?cursor=zz",
        f"/cameras/{cam}",
        f"/cameras/{cam}/edit",
        "/cameras/new",
        "/people",
        f"/people/{o}",
        f"/people/{o}/edit",
        "/people/new",
        "/people?training=lapsed",
        "/sites",
        "/sites?sort=stage",
        f"/sites/{site}",
        "/sites/new",
        f"/sites/{site}/edit",
        "/docks",
        "/docks?placed=false",
        f"/docks/{dock}",
        "/docks/new",
        f"/docks/{dock}/edit",
        "/tasers",
        f"/tasers/{t}",
        "/tasers/new",
        f"/tasers/{t}/edit",
        "/audit",
        "/audit?since=2026-01-01&until=2030-01-01",
        "/me",
        "/cameras.csv?q=X",
        "/audit.csv",
        "/nope",
        "/people.csv",
        "/cameras?phase=999999999999999",
    ]:
        r = admin.get(p)
        print(p, r.status_code, len(r.text))
        if r.status_code >= 400:
            print("   ", text_of(r)[:1500])
        if p in (f"/cameras/{cam}", "/", "/cameras.csv?q=X"):
            print(text_of(r)[:3000])
