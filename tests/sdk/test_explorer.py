"""The Explorer in a real browser: Chromium signs a call, and the page explains what became of it."""

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1000",
]
SECONDS = 30
SIGNED_LINES = [
    "GET",
    "/v2/products/resource-types/",
    "",
    "host:127.0.0.1:18080",
    "x-sdk-date:20260102T030405Z",
    "",
    "host;x-sdk-date",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    # Named, so that Selenium does not go and download one.
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def explorer(chromium, gateway):
    return Explorer(chromium, gateway.url)


class Explorer:
    """The page, freshly opened at one operation."""

    def __init__(self, driver, url):
        self.driver = driver
        # By way of an empty page: an address that differs in its fragment alone would not load anew.
        driver.get("about:blank")
        driver.get(f"{url}/explorer/#/products/ListResourceTypes")
        self.wait(".opblock.is-open button.execute")
        self.until(lambda: self.value("access-key"), "the demo key is filled in")

    def until(self, condition, what):
        WebDriverWait(self.driver, SECONDS).until(lambda _: condition(), f"waited in vain until {what}")

    def wait(self, selector):
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector), f"there is {selector}")
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def field(self, name):
        return self.driver.find_element(By.ID, name)

    def value(self, name):
        return self.field(name).get_attribute("value")

    def text(self, name):
        return self.field(name).text

    def enter(self, name, value):
        field = self.field(name)
        field.clear()
        field.send_keys(value)

    def execute(self):
        """Executes the open operation; gives the status that Swagger UI shows."""
        button = self.wait(".opblock.is-open button.execute")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        return self.wait(".live-responses-table tbody .response-col_status").text.split()[0]

    def explain(self, signed, message):
        self.driver.execute_script(
            "Explorer.showSent({title: 'GET /', outcome: '', canonicalRequest: arguments[0]});"
            "Explorer.explainRefusal(arguments[0], arguments[1]);",
            signed,
            message,
        )


def test_the_demo_key_is_filled_in_and_stored_nowhere(explorer, gateway):
    assert explorer.value("access-key") == gateway.access_key
    assert explorer.value("secret-key") == gateway.secret_key
    assert explorer.field("secret-key").get_attribute("type") == "password"
    stored = explorer.driver.execute_script("return [localStorage.length, sessionStorage.length, document.cookie]")
    assert stored == [0, 0, ""]


def test_a_call_is_signed_accepted_and_shown(explorer, gateway):
    explorer.enter("access-key", gateway.access_key)
    explorer.enter("secret-key", gateway.secret_key)
    assert explorer.execute() == "200"
    assert explorer.text("signature-outcome") == "Signature accepted: status 200."
    assert not explorer.field("signature-difference").is_displayed()
    lines = explorer.text("signed-canonical").split("\n")
    assert lines[:2] == ["GET", "/v2/products/resource-types/"]
    assert f"host:{gateway.url.removeprefix('http://')}" in lines
    assert lines[-1] == SIGNED_LINES[-1]
    # The command to copy is that of the signed request.
    assert f"Access={gateway.access_key}" in explorer.wait(".curl-command").text


def test_a_wrong_secret_key_is_named_as_the_cause(explorer, gateway):
    explorer.enter("secret-key", gateway.secret_key + "x")
    assert explorer.execute() == "401"
    assert explorer.text("signature-outcome") == "Signature refused: status 401."
    expected = "Both sides signed the same text, so the secret key (or the access key) is wrong."
    assert explorer.text("signature-difference") == expected


def test_an_unknown_access_key_is_explained(explorer):
    explorer.enter("access-key", "NOSUCHKEY")
    assert explorer.execute() == "401"
    assert "knows no such access key" in explorer.text("signature-difference")


def test_an_unknown_token_is_explained(explorer):
    explorer.field("mode-token").click()
    assert not explorer.field("access-key").is_displayed()
    explorer.enter("token", "no-such-token")
    assert explorer.execute() == "401"
    assert explorer.text("signature-outcome") == "Token refused: status 401."
    assert "knows no such token" in explorer.text("signature-difference")


@pytest.mark.parametrize(
    ("line", "changed", "name"),
    [
        (1, "/v2/products/", "the path"),
        (3, "host:gateway.example.com", "the header host"),
        (7, "0" * 64, "the hash of the body"),
    ],
)
def test_a_request_changed_on_its_way_is_shown_by_its_first_differing_line(explorer, line, changed, name):
    seen = [changed if index == line else text for index, text in enumerate(SIGNED_LINES)]
    refusal = "Incorrect IAM authentication information: verify aksk signature fail, canonical request: "
    explorer.explain("\n".join(SIGNED_LINES), refusal + "|".join(seen))
    assert "changed on its way" in explorer.text("signature-difference")
    assert explorer.text("difference-line") == f"Line {line + 1}, {name}:"
    assert explorer.text("difference-ours") == SIGNED_LINES[line]
    assert explorer.text("difference-server") == changed
