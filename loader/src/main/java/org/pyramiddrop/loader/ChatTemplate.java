package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a model wants a conversation written down. The templates of the LLaVA family are known by
 * their structure; there is no Jinja interpreter, and nothing in a user's words is ever
 * interpreted.
 */
public final class ChatTemplate {
  /** What stands in a prompt where an image goes. */
  public static final String IMAGE = "<image>";

  private static final String KEY = "chat_template";
  private static final String RAW_PROMPT_HINT =
      "; write the whole prompt yourself and pass it as a raw prompt";

  private final Path source;
  private final @Nullable TemplateFamily family;
  private final String problem;

  private ChatTemplate(Path source, @Nullable TemplateFamily family, String problem) {
    this.source = source;
    this.family = family;
    this.problem = problem;
  }

  /**
   * Finds a model folder's chat template: {@code chat_template.jinja}, else {@code chat_template}
   * in {@code chat_template.json}, {@code processor_config.json} or {@code tokenizer_config.json}.
   * A folder without one, or with one of no known family, is no error until a conversation is
   * rendered.
   *
   * @throws CheckpointException if one of those files is broken
   */
  public static ChatTemplate read(Path folder) {
    Path jinja = folder.resolve("chat_template.jinja");
    if (Files.exists(jinja)) {
      return of(jinja, Json.readText(jinja));
    }
    for (String name :
        List.of("chat_template.json", "processor_config.json", "tokenizer_config.json")) {
      Path file = folder.resolve(name);
      if (Files.exists(file)) {
        Optional<String> template = template(ConfigFields.read(file));
        if (template.isPresent()) {
          return of(file, template.get());
        }
      }
    }
    return new ChatTemplate(folder, null, "has no chat template");
  }

  private static ChatTemplate of(Path source, String template) {
    TemplateFamily family = TemplateFamily.of(template).orElse(null);
    return new ChatTemplate(
        source, family, "the chat template is of no known family (vicuna, mistral, llama-3)");
  }

  // Either one text, or several with names.
  private static Optional<String> template(ConfigFields fields) {
    if (!fields.isList(KEY)) {
      return fields.text(KEY);
    }
    return fields.objects(KEY).stream()
        .filter(named -> named.text("name", "").equals("default"))
        .findFirst()
        .flatMap(named -> named.text("template"));
  }

  /** The family's name; {@code none} if there is no template or it is of no known family. */
  public String name() {
    return family == null ? "none" : family.name();
  }

  /** Whether it can write down turns of a role; none can without a template. */
  public boolean has(Role role) {
    return family != null && family.turns().containsKey(role);
  }

  /**
   * The conversation as the model wants it written, without the start token that the tokenizer
   * adds.
   *
   * @param addGenerationPrompt whether to end with what asks the model to speak
   * @throws ChatTemplateException if there is no template, it is of no known family, or it has no
   *     place for a turn's role or images
   */
  public String render(List<ChatTurn> turns, boolean addGenerationPrompt) {
    if (family == null) {
      throw new ChatTemplateException(source, problem + RAW_PROMPT_HINT);
    }
    StringBuilder prompt = new StringBuilder();
    for (ChatTurn turn : turns) {
      List<TurnPart> parts = family.turns().get(turn.role());
      if (parts == null) {
        throw new ChatTemplateException(
            source,
            "the "
                + name()
                + " chat template has no "
                + turn.role().key()
                + " turn"
                + RAW_PROMPT_HINT);
      }
      if (turn.images() > 0 && parts.stream().noneMatch(part -> part instanceof TurnPart.Images)) {
        throw new ChatTemplateException(
            source,
            "the "
                + name()
                + " chat template takes no images in a turn of the "
                + turn.role().key());
      }
      for (TurnPart part : parts) {
        switch (part) {
          case TurnPart.Literal(String text) -> prompt.append(text);
          case TurnPart.Images(String each) -> prompt.repeat(each, turn.images());
          case TurnPart.Words() -> prompt.append(turn.text());
        }
      }
    }
    return addGenerationPrompt
        ? prompt.append(family.generationPrompt()).toString()
        : prompt.toString();
  }
}
