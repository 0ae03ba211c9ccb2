package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.htmlunit.BrowserVersion;
import org.htmlunit.Page;
import org.htmlunit.WebClient;
import org.htmlunit.html.HtmlElement;
import org.htmlunit.html.HtmlFileInput;
import org.htmlunit.html.HtmlInput;
import org.htmlunit.html.HtmlPage;
import org.htmlunit.html.HtmlTextArea;
import org.junit.jupiter.api.Test;

/** The page at the server's root, in a browser written in Java. */
final class PageTest {
  private static final String KEY = "a key of some length";

  private static HtmlElement element(HtmlPage page, String id) {
    return page.getHtmlElementById(id);
  }

  private static void addPicture(HtmlPage page, WebClient browser) {
    HtmlFileInput files = (HtmlFileInput) element(page, "files");
    files.setFiles(Served.PICTURE.toFile());
    browser.waitForBackgroundJavaScript(5_000);
    assertThat(element(page, "hint").getTextContent()).isEqualTo("1 picture");
  }

  @Test
  void aPictureIsAskedAboutAndItsStagesAreShown() throws IOException {
    try (Served served = Served.of(Served.SCENES.resolve("model"), options -> options);
        WebClient browser = new WebClient(BrowserVersion.FIREFOX)) {
      HtmlPage page = browser.getPage(served.address().toURL());
      addPicture(page, browser);
      ((HtmlTextArea) element(page, "question")).setText("what number is on the gray triangle ?");
      Page after = element(page, "ask").click();
      assertThat(after).isSameAs(page);
      browser.waitForBackgroundJavaScript(20_000);

      assertThat(element(page, "error").getTextContent()).isEmpty();
      assertThat(element(page, "answer").getTextContent()).isEqualTo("2 7");
      assertThat(element(page, "stages").getElementsByTagName("tr"))
          .extracting(row -> row.getElementsByTagName("td").get(1).getTextContent())
          .containsExactly("64", "32", "16", "8");
      assertThat(element(page, "overlay").getAttribute("src")).startsWith("data:image/png;base64,");

      // Another plan, and one that is none.
      ((HtmlInput) element(page, "plan")).setValue("visionzip:20+5");
      element(page, "ask").click();
      browser.waitForBackgroundJavaScript(20_000);
      assertThat(element(page, "stages").getElementsByTagName("tr"))
          .extracting(row -> row.getElementsByTagName("td").get(1).getTextContent())
          .containsExactly("25", "25");
      ((HtmlInput) element(page, "plan")).setValue("nonsense");
      element(page, "ask").click();
      browser.waitForBackgroundJavaScript(20_000);
      assertThat(element(page, "error").getTextContent()).contains("nonsense");
      assertThat(element(page, "answer").getTextContent()).isEmpty();
    }
  }

  @Test
  void whereAKeyIsWantedThePageAsksForIt() throws IOException {
    try (Served served =
            Served.of(Served.SCENES.resolve("model"), options -> options.withKey(KEY));
        WebClient browser = new WebClient(BrowserVersion.FIREFOX)) {
      HtmlPage page = browser.getPage(served.address().toURL());
      assertThat(element(page, "keyed").getAttribute("class")).isEqualTo("hidden");
      browser.getOptions().setPrintContentOnFailingStatusCode(false);
      element(page, "ask").click();
      browser.waitForBackgroundJavaScript(20_000);
      assertThat(element(page, "keyed").getAttribute("class")).isEmpty();
      assertThat(element(page, "error").getTextContent()).contains("key");
      ((HtmlInput) element(page, "key")).setValue(KEY);
      addPicture(page, browser);
      element(page, "ask").click();
      browser.waitForBackgroundJavaScript(20_000);
      assertThat(element(page, "error").getTextContent()).isEmpty();
      assertThat(element(page, "stages").getElementsByTagName("tr")).hasSize(4);
    }
  }
}
