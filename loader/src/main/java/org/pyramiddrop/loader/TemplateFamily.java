package org.pyramiddrop.loader;

import static org.pyramiddrop.loader.TemplateText.CLOSE;
import static org.pyramiddrop.loader.TemplateText.OPEN;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The chat templates of the LLaVA family, each a pattern over a template's {@linkplain TemplateText
 * canonical text} with the fixed texts left open. A template that matches does exactly what the
 * pattern says, so it is rendered without an interpreter.
 *
 * @param name what the family is called in messages
 * @param turns what is written for a turn of each role that the template knows
 * @param generationPrompt what asks the model to speak
 */
record TemplateFamily(String name, Map<Role, List<TurnPart>> turns, String generationPrompt) {
  private static final String TEXT = OPEN + "([^" + CLOSE + "]*+)" + CLOSE;
  private static final String IMAGES =
      contents("image") + fixed("image") + Pattern.quote("{%endfor%}");
  private static final String ROLE = Pattern.quote("{{message.role}}");
  private static final String UPPER_ROLE =
      Pattern.quote("{{message.role.upper()}}") + fixed("header");
  private static final String FIRST_TEXT = Pattern.quote("{{message.content[0].text}}");
  private static final String END = Pattern.quote("{%endfor%}") + generation();

  /** USER: … ASSISTANT: …, in three ways to treat a system turn. */
  private static final Pattern VICUNA =
      Pattern.compile(
          Pattern.quote("{%for message in messages%}")
              + "(?:(?<systembare>"
              + role("if", "!=", "system")
              + UPPER_ROLE
              + Pattern.quote("{%endif%}")
              + ")|(?<systemtwice>"
              + role("if", "==", "system")
              + FIRST_TEXT
              + Pattern.quote("{%else%}")
              + UPPER_ROLE.replace("<header>", "<header2>")
              + Pattern.quote("{%endif%}")
              + ")|"
              + UPPER_ROLE.replace("<header>", "<header3>")
              + ")"
              + IMAGES
              + words()
              + END);

  /** [INST] … [/INST] …, as LLaVA-NeXT on Mistral. */
  private static final Pattern MISTRAL =
      Pattern.compile(
          Pattern.quote("{%for message in messages%}")
              + "(?:(?:"
              + role("if", "==", "system")
              + fixed("sysbefore")
              + FIRST_TEXT
              + fixed("sysafter")
              + role("elif", "==", "user")
              + ")|"
              + role("if", "==", "user")
              + ")"
              + fixed("userbefore")
              + IMAGES
              + words()
              + fixed("userafter")
              + role("elif", "==", "assistant")
              + fixed("botbefore")
              + FIRST_TEXT
              + fixed("botafter")
              + "(?:"
              + Pattern.quote("{%else%}{{raise_exception(")
              + TEXT
              + Pattern.quote(")}}")
              + ")?"
              + Pattern.quote("{%endif%}{%endfor%}"));

  /** The role's name between two markers, as Llama 3 and ChatML have it. */
  private static final Pattern ROLE_HEADERS =
      Pattern.compile(
          Pattern.quote("{%for message in messages%}")
              + fixed("opening")
              + ROLE
              + fixed("closing")
              + IMAGES
              + words()
              + "(?:"
              + fixed("end")
              + ")?"
              + END);

  /** The family of a template; empty if it is none of these. */
  static Optional<TemplateFamily> of(String template) {
    return TemplateText.canonical(template)
        .flatMap(text -> vicuna(text).or(() -> mistral(text)).or(() -> roleHeaders(text)));
  }

  private static Optional<TemplateFamily> vicuna(String text) {
    Matcher match = VICUNA.matcher(text);
    if (!match.matches()) {
      return Optional.empty();
    }
    String header = get(match, "header") + get(match, "header2") + get(match, "header3");
    Map<Role, List<TurnPart>> turns = new EnumMap<>(Role.class);
    for (Role role : Role.values()) {
      List<TurnPart> turn = new ArrayList<>();
      if (role != Role.SYSTEM || match.group("header3") != null) {
        turn.add(new TurnPart.Literal(role.name().toUpperCase(Locale.ROOT) + header));
      } else if (match.group("systemtwice") != null) {
        // That template writes a system turn's words and then runs through its texts like any other
        // turn's.
        turn.add(new TurnPart.Words());
      }
      addContents(turn, match);
      turns.put(role, turn);
    }
    return Optional.of(
        new TemplateFamily(
            match.group("systemtwice") != null ? "vicuna with system prompt" : "vicuna",
            turns,
            get(match, "prompt")));
  }

  private static Optional<TemplateFamily> mistral(String text) {
    Matcher match = MISTRAL.matcher(text);
    if (!match.matches()) {
      return Optional.empty();
    }
    List<TurnPart> user = new ArrayList<>(List.of(literal(match, "userbefore")));
    addContents(user, match);
    user.add(literal(match, "userafter"));
    Map<Role, List<TurnPart>> turns = new EnumMap<>(Role.class);
    turns.put(Role.USER, user);
    turns.put(
        Role.ASSISTANT,
        List.of(literal(match, "botbefore"), new TurnPart.Words(), literal(match, "botafter")));
    if (match.group("sysbefore") != null) {
      turns.put(
          Role.SYSTEM,
          List.of(literal(match, "sysbefore"), new TurnPart.Words(), literal(match, "sysafter")));
    }
    return Optional.of(new TemplateFamily("mistral", turns, ""));
  }

  private static Optional<TemplateFamily> roleHeaders(String text) {
    Matcher match = ROLE_HEADERS.matcher(text);
    if (!match.matches()) {
      return Optional.empty();
    }
    Map<Role, List<TurnPart>> turns = new EnumMap<>(Role.class);
    for (Role role : Role.values()) {
      List<TurnPart> turn = new ArrayList<>();
      turn.add(new TurnPart.Literal(match.group("opening") + role.key() + match.group("closing")));
      addContents(turn, match);
      turn.add(literal(match, "end"));
      turns.put(role, turn);
    }
    boolean llama = match.group("opening").contains("<|start_header_id|>");
    return Optional.of(
        new TemplateFamily(llama ? "llama-3" : "role headers", turns, get(match, "prompt")));
  }

  private static void addContents(List<TurnPart> turn, Matcher match) {
    turn.add(new TurnPart.Images(match.group("image")));
    turn.add(literal(match, "before"));
    turn.add(new TurnPart.Words());
    turn.add(literal(match, "after"));
  }

  private static TurnPart.Literal literal(Matcher match, String group) {
    return new TurnPart.Literal(get(match, group));
  }

  private static String get(Matcher match, String group) {
    String text = match.group(group);
    return text == null ? "" : text;
  }

  private static String fixed(String group) {
    return TEXT.replace("([", "(?<" + group + ">[");
  }

  private static String role(String keyword, String comparison, String role) {
    return Pattern.quote(
        "{%" + keyword + " message.role" + comparison + OPEN + role + CLOSE + "%}");
  }

  private static String contents(String type) {
    String quotedType =
        OPEN + "type" + CLOSE + "," + OPEN + "equalto" + CLOSE + "," + OPEN + type + CLOSE;
    return Pattern.quote("{%for content in message.content|selectattr(" + quotedType + ")%}");
  }

  // Some templates write the assistant's words in a branch of their own, marked for training; the
  // back references
  // make sure that it writes what the other branch does.
  private static String words() {
    String loop = contents("text");
    String end = Pattern.quote("{%endfor%}");
    String value = Pattern.quote("{{content.text}}");
    String branch =
        loop + "(?:" + fixed("before") + ")?" + value + "(?:" + fixed("after") + ")?" + end;
    return "(?:"
        + role("if", "!=", "assistant")
        + ")?(?<branch>"
        + branch
        + ")(?:"
        + Pattern.quote("{%else%}")
        + "\\k<branch>"
        + Pattern.quote("{%endif%}")
        + ")?";
  }

  private static String generation() {
    return "(?:"
        + Pattern.quote("{%if add_generation_prompt%}")
        + fixed("prompt")
        + Pattern.quote("{%endif%}")
        + ")?";
  }
}
