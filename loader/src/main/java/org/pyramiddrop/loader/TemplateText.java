package org.pyramiddrop.loader;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Brings the text of a Jinja chat template to one spelling, so that templates which differ in
 * spaces, quotes, comments or {@code a['b']} against {@code a.b} become equal. Statements stay
 * <code>{%…%}</code>, outputs <code>{{…}}</code>, one a value; fixed text, raw or quoted, stands
 * between the characters {@link #OPEN} and {@link #CLOSE}.
 */
final class TemplateText {
  /** Starts fixed text. */
  static final char OPEN = '\u0002';

  /** Ends fixed text. */
  static final char CLOSE = '\u0003';

  private static final Pattern SUBSCRIPT =
      Pattern.compile("\\[" + OPEN + "([A-Za-z_]+)" + CLOSE + "]");

  /** What follows the backslash in escapes that published templates don't use. */
  private static final String RARE_ESCAPES = "xuUNabfv01234567\n";

  private static final Pattern GENERATION = Pattern.compile("\\{%(?:end)?generation%}");

  private static final Pattern PARTS_LOOP = Pattern.compile("\\{%for (\\w+) in message\\.content");
  private static final Pattern FIXED = Pattern.compile(OPEN + "[^" + CLOSE + "]*" + CLOSE);

  /** No known template has more than three. */
  private static final int MOST_PARTS_LOOPS = 8;

  private TemplateText() {}

  /**
   * A statement, output or comment.
   *
   * @param start where it starts in the template
   * @param end where it ends, excluded
   * @param opens {@code %}, <code>{</code> or {@code #}
   * @param text all of it, with its braces
   */
  private record Tag(int start, int end, char opens, String text) {
    boolean isOutput() {
      return opens == '{';
    }

    boolean isStatement() {
      return opens == '%';
    }

    String inside() {
      return text.substring(2, text.length() - 2)
          .replaceFirst("^[-+]", "")
          .replaceFirst("[-+]$", "");
    }
  }

  /**
   * The template in that spelling; empty if it isn't put together from plain tags. Takes time in
   * proportion to the template's length, whatever it holds.
   */
  static Optional<String> canonical(String template) {
    if (template.indexOf(OPEN) >= 0 || template.indexOf(CLOSE) >= 0) {
      return Optional.empty();
    }
    String lines = template.replace("\r\n", "\n").replace('\r', '\n');
    if (hasRareEscape(lines)) {
      return Optional.empty();
    }
    String source = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
    StringBuilder canonical = new StringBuilder();
    int reached = 0;
    for (int start = nextTag(source, 0); start >= 0; start = nextTag(source, reached)) {
      Tag tag = tag(source, start);
      if (tag == null) {
        return Optional.empty();
      }
      appendFixed(canonical, rawText(source, reached, tag));
      if (tag.isStatement() || tag.isOutput()) {
        String expression = expression(tag.inside());
        if (expression == null) {
          return Optional.empty();
        }
        if (tag.isStatement()) {
          canonical.append("{%").append(expression).append("%}");
        } else {
          appendOutput(canonical, expression);
        }
      }
      reached = afterTag(source, tag);
    }
    appendFixed(canonical, source.substring(reached));
    String whole = GENERATION.matcher(canonical).replaceAll("").replace("" + CLOSE + OPEN, "");
    return nameParts(whole);
  }

  private static boolean hasRareEscape(String template) {
    for (int i = template.indexOf('\\'); i >= 0; i = template.indexOf('\\', i + 2)) {
      if (i + 1 < template.length() && RARE_ESCAPES.indexOf(template.charAt(i + 1)) >= 0) {
        return true;
      }
    }
    return false;
  }

  private static int nextTag(String source, int from) {
    for (int i = source.indexOf('{', from); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "%{#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** The tag that starts here; null if it never ends. */
  private static @Nullable Tag tag(String source, int start) {
    char opens = source.charAt(start + 1);
    int closing = source.indexOf(opens == '{' ? "}}" : opens + "}", start + 2);
    int end = closing + 2;
    return closing < 0 ? null : new Tag(start, end, opens, source.substring(start, end));
  }

  // A loop over a message's parts may call each what it likes; here it is always "content".
  private static Optional<String> nameParts(String text) {
    if (PARTS_LOOP.matcher(text).results().limit(MOST_PARTS_LOOPS + 1L).count()
        > MOST_PARTS_LOOPS) {
      return Optional.empty();
    }
    String named = text;
    Matcher loop = PARTS_LOOP.matcher(text);
    while (loop.find()) {
      Pattern name = Pattern.compile("(?<![\\w.])" + loop.group(1) + "(?= in |\\.)");
      StringBuilder renamed = new StringBuilder();
      Matcher pieces = FIXED.matcher(named);
      int reached = 0;
      while (pieces.find()) {
        renamed.append(
            name.matcher(named.substring(reached, pieces.start())).replaceAll("content"));
        renamed.append(pieces.group());
        reached = pieces.end();
      }
      renamed.append(name.matcher(named.substring(reached)).replaceAll("content"));
      named = renamed.toString();
    }
    return Optional.of(named);
  }

  // Transformers renders with trim_blocks and lstrip_blocks: the spaces before a statement or
  // comment that starts a
  // line and the line end right after it are not part of the text; '-' drops all space on its side.
  private static String rawText(String source, int from, Tag tag) {
    String text = source.substring(from, tag.start());
    char mark = tag.text().charAt(2);
    if (mark == '-') {
      return text.stripTrailing();
    }
    int line = text.lastIndexOf('\n') + 1;
    boolean startsLine = line > 0 || from == 0 || source.charAt(from - 1) == '\n';
    if (!tag.isOutput() && mark != '+' && startsLine && text.substring(line).isBlank()) {
      return text.substring(0, line);
    }
    return text;
  }

  private static int afterTag(String source, Tag tag) {
    int end = tag.end();
    char mark = source.charAt(end - 3);
    if (mark == '-') {
      while (end < source.length() && Character.isWhitespace(source.charAt(end))) {
        end++;
      }
    } else if (!tag.isOutput() && mark != '+' && source.startsWith("\n", end)) {
      end++;
    }
    return end;
  }

  private static void appendFixed(StringBuilder canonical, String text) {
    if (!text.isEmpty()) {
      canonical.append(OPEN).append(text).append(CLOSE);
    }
  }

  /**
   * One spelling for an expression or statement; its quoted texts are unescaped and marked as fixed
   * text. Null if a quoted text never ends.
   */
  private static @Nullable String expression(String source) {
    StringBuilder spelled = new StringBuilder();
    boolean afterWord = false;
    int at = 0;
    while (at < source.length()) {
      char c = source.charAt(at);
      if (c == '\'' || c == '"') {
        int end = endOfQuoted(source, at);
        if (end < 0) {
          return null;
        }
        spelled.append(OPEN).append(unescape(source.substring(at + 1, end - 1))).append(CLOSE);
        afterWord = false;
        at = end;
      } else if (isWord(c)) {
        int end = at + 1;
        while (end < source.length() && isWord(source.charAt(end))) {
          end++;
        }
        spelled.append(afterWord ? " " : "").append(source, at, end);
        afterWord = true;
        at = end;
      } else {
        if (!isSpace(c)) {
          spelled.append(c);
          afterWord = false;
        }
        at++;
      }
    }
    return SUBSCRIPT.matcher(spelled).replaceAll(".$1").replace("|upper", ".upper()");
  }

  /** Behind the quote that ends a quoted text; -1 if there is none. */
  private static int endOfQuoted(String source, int start) {
    for (int i = start + 1; i < source.length(); i++) {
      char c = source.charAt(i);
      if (c == source.charAt(start)) {
        return i + 1;
      }
      if (c == '\\') {
        i++;
      }
    }
    return -1;
  }

  private static boolean isWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }

  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  // What is joined with + is written one after the other.
  private static void appendOutput(StringBuilder canonical, String expression) {
    int from = 0;
    boolean inside = false;
    int depth = 0;
    for (int i = 0; i <= expression.length(); i++) {
      char c = i < expression.length() ? expression.charAt(i) : '+';
      inside = c == OPEN || (inside && c != CLOSE);
      if (!inside) {
        depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
      }
      if (c == '+' && !inside && depth == 0) {
        String term = expression.substring(from, i);
        boolean fixed = term.indexOf(OPEN) == 0 && term.indexOf(CLOSE) == term.length() - 1;
        canonical.append(fixed ? term : "{{" + term + "}}");
        from = i + 1;
      }
    }
  }

  private static String unescape(String quoted) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < quoted.length(); i++) {
      char c = quoted.charAt(i);
      if (c != '\\' || i + 1 == quoted.length()) {
        text.append(c);
        continue;
      }
      char escaped = quoted.charAt(++i);
      switch (escaped) {
        case 'n' -> text.append('\n');
        case 't' -> text.append('\t');
        case 'r' -> text.append('\r');
        case '\\', '\'', '"' -> text.append(escaped);
        default -> text.append('\\').append(escaped);
      }
    }
    return text.toString();
  }
}
