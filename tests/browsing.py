"""A browser for the tests that look at pages: Debian's Chromium through Selenium, without a window and without a network."""

import os
import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 600  # seconds for any one step, however busy the machine is


def chromium():
    """Where Chromium and its driver are."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(found):
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("Chromium or its driver is missing here; on Debian: apt install chromium chromium-driver")
    return found


def start(programs, home):
    """A fresh Chromium, which reaches this machine alone; ``home`` is its home folder."""
    program, driver = programs
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in (
        "headless=new",
        "window-size=1400,1000",
        "disable-dev-shm-usage",
        "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        *(["no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(f"--{option}")
    return webdriver.Chrome(options, webdriver.ChromeService(driver, env={**os.environ, "HOME": str(home)}))


def wait(subject, condition, what):
    """Ask until the condition holds; its value. TimeoutException names what was waited for."""
    passing = [ElementClickInterceptedException, StaleElementReferenceException]  # the page is still being built
    return WebDriverWait(subject, PATIENCE, ignored_exceptions=passing).until(condition, f"waited for {what}")


def photograph(browser, name):
    """Keep what the browser shows, where COURSE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("COURSE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
