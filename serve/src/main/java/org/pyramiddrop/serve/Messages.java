package org.pyramiddrop.serve;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;
import tools.jackson.databind.JsonNode;

/**
 * The messages of a request.
 *
 * @param system what the model is told before; empty for nothing
 * @param turns what was said then, the user's words last
 * @param images those of all messages, in their order
 */
record Messages(String system, List<ChatTurn> turns, List<Image> images) {
  private static final String NAME = "messages";

  /** What a message says. */
  private record Content(String text, List<String> urls, List<String> params) {}

  /**
   * Reads messages, and their images when all else is found to be right.
   *
   * @param mostImages that they may have
   * @throws ApiException if they are no conversation that ends with the user's words
   */
  static Messages read(
      JsonNode messages, int mostImages, ImageReader reader, ImageBudget.Part budget) {
    if (!messages.isArray() || messages.isEmpty()) {
      throw ApiException.badValue(NAME, "'messages' must be a list with a message in it");
    }
    List<String> system = new ArrayList<>();
    List<ChatTurn> turns = new ArrayList<>();
    List<String> urls = new ArrayList<>();
    List<String> params = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      Fields message = new Fields(messages.get(i), "messages[%d]".formatted(i));
      @Nullable Role role = role(message);
      Content content = content(message);
      message.ignore("name", "refusal");
      message.refuseRest();
      if (role != Role.USER && !content.urls().isEmpty()) {
        throw message.wrong("content", "has an image, which only the user's messages can have");
      }
      if (role == Role.SYSTEM) {
        if (!turns.isEmpty()) {
          throw message.wrong("role", "can only be the system's at the beginning");
        }
        system.add(content.text());
        continue;
      }
      turns.add(new ChatTurn(role, content.urls().size(), content.text()));
      urls.addAll(content.urls());
      params.addAll(content.params());
    }
    if (turns.isEmpty() || turns.getLast().role() != Role.USER) {
      throw ApiException.badValue(NAME, "the last of 'messages' must be the user's");
    }
    if (urls.size() > mostImages) {
      throw ApiException.tooLarge(
          NAME, "the messages have %d images; they may have %d".formatted(urls.size(), mostImages));
    }
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < urls.size(); i++) {
      Image image = reader.read(urls.get(i), params.get(i));
      budget.add(image, params.get(i));
      images.add(image);
    }
    return new Messages(String.join("\n\n", system), turns, images);
  }

  private static Role role(Fields message) {
    String role = message.text("role");
    return switch (role == null ? "" : role) {
      case "system", "developer" -> Role.SYSTEM;
      case "user" -> Role.USER;
      case "assistant" -> Role.ASSISTANT;
      default -> throw message.wrong("role", "must be system, developer, user or assistant");
    };
  }

  private static Content content(Fields message) {
    JsonNode content = message.value("content");
    if (content == null) {
      throw message.wrong("content", "must be there");
    }
    if (content.isString()) {
      return new Content(content.stringValue(), List.of(), List.of());
    }
    if (!content.isArray()) {
      throw message.wrong("content", "must be a text or a list of parts");
    }
    List<String> texts = new ArrayList<>();
    List<String> urls = new ArrayList<>();
    List<String> params = new ArrayList<>();
    for (int i = 0; i < content.size(); i++) {
      Fields part = new Fields(content.get(i), message.name("content") + "[%d]".formatted(i));
      String type = part.text("type");
      switch (type == null ? "" : type) {
        case "text" -> texts.add(there(part, "text"));
        case "image_url" -> {
          JsonNode image = part.value("image_url");
          if (image == null) {
            throw part.wrong("image_url", "must be there");
          }
          Fields inside = new Fields(image, part.name("image_url"));
          urls.add(there(inside, "url"));
          params.add(inside.name("url"));
          // How finely the image is looked at is the plan's to say.
          inside.ignore("detail");
          inside.refuseRest();
        }
        default -> throw part.wrong("type", "must be text or image_url");
      }
      part.refuseRest();
    }
    return new Content(String.join("\n", texts), urls, params);
  }

  private static String there(Fields fields, String field) {
    String text = fields.text(field);
    if (text == null) {
      throw fields.wrong(field, "must be there");
    }
    return text;
  }
}
