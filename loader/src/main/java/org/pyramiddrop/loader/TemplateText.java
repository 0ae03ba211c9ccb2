package org.pyramiddrop.loader;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

  private static final Pattern TAG =
      Pattern.compile(
          "\\{%(?<block>.*?)%}|\\{\\{(?<value>.*?)}}|\\{#(?<comment>.*?)#}", Pattern.DOTALL);
  private static final Pattern TOKEN =
      Pattern.compile(
          "\\s+|'(?<single>(?:[^'\\\\]|\\\\.)*)'|\"(?<double>(?:[^\"\\\\]|\\\\.)*)\"|(?<word>\\w+)|(?<sign>.)",
          Pattern.DOTALL);
  private static final Pattern SUBSCRIPT =
      Pattern.compile("\\[" + OPEN + "([A-Za-z_]+)" + CLOSE + "]");

  /** Escapes that stand for characters and that published templates don't use. */
  private static final Pattern RARE_ESCAPE =
      Pattern.compile("(?<!\\\\)(?:\\\\\\\\)*\\\\[xuUNabfv0-7\n]");

  private static final Pattern GENERATION = Pattern.compile("\\{%(?:end)?generation%}");

  private static final Pattern PARTS_LOOP = Pattern.compile("\\{%for (\\w+) in message\\.content");
  private static final Pattern FIXED = Pattern.compile(OPEN + "[^" + CLOSE + "]*" + CLOSE);

  private TemplateText() {}

  /** The template in that spelling; empty if it isn't put together from plain tags. */
  static Optional<String> canonical(String template) {
    if (template.indexOf(OPEN) >= 0
        || template.indexOf(CLOSE) >= 0
        || RARE_ESCAPE.matcher(template).find()) {
      return Optional.empty();
    }
    String source = template.replaceFirst("\\R$", "");
    StringBuilder canonical = new StringBuilder();
    Matcher tag = TAG.matcher(source);
    int reached = 0;
    while (tag.find()) {
      appendFixed(
          canonical,
          rawText(source, reached, tag.start(), tag.group("value") == null, tag.group()));
      if (tag.group("block") != null) {
        canonical.append("{%").append(expression(trimMarks(tag.group("block")))).append("%}");
      } else if (tag.group("value") != null) {
        appendOutput(canonical, expression(trimMarks(tag.group("value"))));
      }
      reached = afterTag(source, tag);
    }
    appendFixed(canonical, source.substring(reached));
    String whole = GENERATION.matcher(canonical).replaceAll("");
    return Optional.of(nameParts(whole.replace("" + CLOSE + OPEN, "")));
  }

  // A loop over a message's parts may call each what it likes; here it is always "content".
  private static String nameParts(String text) {
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
    return named;
  }

  // Transformers renders with trim_blocks and lstrip_blocks: the spaces before a statement or
  // comment that starts a
  // line and the line end right after it are not part of the text; '-' drops all space on its side.
  private static String rawText(String source, int from, int to, boolean strips, String tag) {
    String text = source.substring(from, to);
    if (tag.charAt(2) == '-') {
      return text.stripTrailing();
    }
    int line = text.lastIndexOf('\n') + 1;
    boolean startsLine = line > 0 || from == 0 || source.charAt(from - 1) == '\n';
    if (strips && tag.charAt(2) != '+' && startsLine && text.substring(line).isBlank()) {
      return text.substring(0, line);
    }
    return text;
  }

  private static int afterTag(String source, Matcher tag) {
    int end = tag.end();
    char mark = source.charAt(end - 3);
    if (mark == '-') {
      while (end < source.length() && Character.isWhitespace(source.charAt(end))) {
        end++;
      }
    } else if (tag.group("value") == null && mark != '+' && source.startsWith("\n", end)) {
      end++;
    }
    return end;
  }

  private static String trimMarks(String inside) {
    return inside.replaceFirst("^[-+]", "").replaceFirst("[-+]$", "");
  }

  private static void appendFixed(StringBuilder canonical, String text) {
    if (!text.isEmpty()) {
      canonical.append(OPEN).append(text).append(CLOSE);
    }
  }

  /**
   * One spelling for an expression or statement; its quoted texts are unescaped and marked as fixed
   * text.
   */
  private static String expression(String source) {
    StringBuilder spelled = new StringBuilder();
    Matcher token = TOKEN.matcher(source);
    boolean afterWord = false;
    while (token.find()) {
      String quoted = token.group("single") != null ? token.group("single") : token.group("double");
      if (quoted != null) {
        spelled.append(OPEN).append(unescape(quoted)).append(CLOSE);
        afterWord = false;
      } else if (token.group("word") != null) {
        spelled.append(afterWord ? " " : "").append(token.group("word"));
        afterWord = true;
      } else if (token.group("sign") != null) {
        spelled.append(token.group("sign"));
        afterWord = false;
      }
    }
    return SUBSCRIPT.matcher(spelled).replaceAll(".$1").replace("|upper", ".upper()");
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
