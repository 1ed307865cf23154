"""The admin in a browser: its pages work under the content security policy, and lead back to the chat."""

from playwright.sync_api import Browser, expect

from tests.service import Service

PASSWORD = "Oslo-1952-harbour"


def test_an_operator_renames_a_room_adds_a_member_and_goes_back(chromium: Browser, service: Service) -> None:
    service.shell(
        "from chat.models import User\n"
        f"User.objects.create_superuser('root', password={PASSWORD!r}); User.objects.create_user('robert')"
    )
    service.say("admin-den", "hi")
    complaints: list[str] = []
    context = chromium.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{service.url}/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#site-name")).to_have_text("Corkboard")
    page.goto(f"{service.url}/admin/chat/room/?q=admin-den")
    page.get_by_role("link", name="admin-den").click()
    page.get_by_label("Title").fill("The den")
    page.locator("#memberships-group .select2-selection").first.click()
    page.locator(".select2-search__field").fill("rob")
    page.locator(".select2-results__option").get_by_text("robert", exact=True).click()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    expect(page.locator("#memberships-2-group")).to_contain_text("robert")
    expect(page.get_by_label("Title")).to_have_value("The den")
    page.get_by_role("link", name="Back to the chat").click()
    expect(page).to_have_url(f"{service.url}/default")
    context.close()
    assert complaints == []
