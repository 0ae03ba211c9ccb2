package org.pyramiddrop.langchain4j;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.LangChain4jException;
import dev.langchain4j.exception.NonRetriableException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.TokenListener;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Requests of LangChain4j as questions for a model, and its answers as responses. */
final class LlavaChat {
  private final Llava model;
  private final String name;
  private final PyramidDropChatRequestParameters defaults;
  private final Map<ImageContent.DetailLevel, PruningPlan> plans;
  private final ImageSource images;

  /**
   * A chat with a model.
   *
   * @param name what responses call it
   * @param plans what each level of detail stands for
   * @throws UnsupportedFeatureException if the default parameters ask for what there isn't
   * @throws InvalidRequestException if a default parameter is out of its range
   */
  LlavaChat(
      Llava model,
      String name,
      PyramidDropChatRequestParameters defaults,
      Map<ImageContent.DetailLevel, PruningPlan> plans,
      ImageSource images) {
    this.model = model;
    this.name = name;
    this.defaults = defaults;
    this.plans = Map.copyOf(plans);
    this.images = images;
    mapping(() -> options(defaults, List.of()));
  }

  PyramidDropChatRequestParameters defaults() {
    return defaults;
  }

  /**
   * Answers a request whose parameters are complete.
   *
   * @throws LangChain4jException as {@link PyramidDropChatModel#doChat} says
   * @throws CancellationException if the thread is interrupted, or the listener stops it, before
   *     the first token
   */
  ChatResponse answer(ChatRequest request, TokenListener listener) {
    return mapping(() -> {
      // Refused before an image is read.
      Options options = options(request.parameters(), details(request.messages()));
      List<Image> shown = new ArrayList<>();
      List<ChatTurn> turns = turns(request.messages(), shown);
      return response(model.ask(Question.ofTurns(turns, shown), options, listener));
    });
  }

  private ChatResponse response(Answer answer) {
    int prompt = answer.promptTokens();
    int generated = answer.tokenIds().size();
    ChatResponseMetadata.Builder<?> metadata =
        ChatResponseMetadata.builder()
            .id(UUID.randomUUID().toString())
            .modelName(name)
            .tokenUsage(new TokenUsage(prompt, generated, prompt + generated))
            .finishReason(reason(answer.finish()));
    return ChatResponse.builder()
        .aiMessage(AiMessage.from(answer.text()))
        .metadata(new PyramidDropChatResponseMetadata(metadata, answer))
        .build();
  }

  private static FinishReason reason(Finish finish) {
    return switch (finish) {
      case STOP -> FinishReason.STOP;
      case LENGTH -> FinishReason.LENGTH;
      case CANCELLED -> FinishReason.OTHER;
    };
  }

  /** What was said, turn by turn; the images are added to a list. */
  private List<ChatTurn> turns(List<ChatMessage> messages, List<Image> shown) {
    List<ChatTurn> turns = new ArrayList<>();
    for (ChatMessage message : messages) {
      turns.add(
          switch (message) {
            case SystemMessage system -> new ChatTurn(Role.SYSTEM, 0, system.text());
            case UserMessage user -> userTurn(user, shown);
            case AiMessage said -> modelTurn(said);
            default ->
                throw unsupported(
                    "messages of type " + message.type().name().toLowerCase(Locale.ROOT) + " are");
          });
    }
    return turns;
  }

  private ChatTurn userTurn(UserMessage user, List<Image> shown) {
    List<String> words = new ArrayList<>();
    int count = 0;
    for (Content content : user.contents()) {
      switch (content) {
        case TextContent text -> words.add(text.text());
        case ImageContent image -> {
          shown.add(images.read(image));
          count++;
        }
        default ->
            throw unsupported(
                "contents of type " + content.type().name().toLowerCase(Locale.ROOT) + " are");
      }
    }
    return new ChatTurn(Role.USER, count, String.join("\n", words));
  }

  private static ChatTurn modelTurn(AiMessage said) {
    if (said.hasToolExecutionRequests()) {
      throw unsupported("tools are");
    }
    String text = said.text();
    return new ChatTurn(Role.ASSISTANT, 0, text == null ? "" : text);
  }

  /** The levels of detail of all images. */
  private static List<ImageContent.DetailLevel> details(List<ChatMessage> messages) {
    return messages.stream()
        .filter(UserMessage.class::isInstance)
        .flatMap(message -> ((UserMessage) message).contents().stream())
        .filter(ImageContent.class::isInstance)
        .map(content -> ((ImageContent) content).detailLevel())
        .toList();
  }

  private Options options(
      ChatRequestParameters parameters, List<ImageContent.DetailLevel> details) {
    refuseUnsupported(parameters);
    // ChatModel lays a request's parameters over ours, so that these are always ours.
    PyramidDropChatRequestParameters asked = defaults.overrideWith(parameters);
    Options options = Options.defaults().withPruning(plan(asked.plan(), details));
    Integer most = asked.maxOutputTokens();
    return options
        .withSampling(sampling(asked))
        .withMaxTokens(most == null ? options.maxTokens() : most)
        .withStop(asked.stopSequences());
  }

  /** The plan that was asked for, else that of the images' highest detail. */
  private PruningPlan plan(@Nullable PruningPlan asked, List<ImageContent.DetailLevel> details) {
    if (asked != null) {
      return asked;
    }
    ImageContent.DetailLevel highest =
        details.stream()
            .filter(detail -> detail != ImageContent.DetailLevel.AUTO)
            .max(Comparator.naturalOrder())
            .orElse(ImageContent.DetailLevel.AUTO);
    PruningPlan plan = plans.get(highest);
    if (plan == null) {
      // One that a later LangChain4j has.
      throw unsupported("detail level %s is".formatted(highest));
    }
    return plan;
  }

  private static Sampling sampling(PyramidDropChatRequestParameters asked) {
    Double temperature = asked.temperature();
    Double topP = asked.topP();
    Integer topK = asked.topK();
    Double penalty = asked.repetitionPenalty();
    Long seed = asked.seed();
    return new Sampling(
        temperature == null ? 0 : temperature,
        topP == null ? 1 : topP,
        topK == null ? 0 : topK,
        penalty == null ? 1 : penalty,
        seed == null ? ThreadLocalRandom.current().nextLong() : seed);
  }

  private void refuseUnsupported(ChatRequestParameters parameters) {
    String asked = parameters.modelName();
    if (asked != null && !asked.equals(name)) {
      throw unsupported(
          "'modelName' parameter %s, other than the loaded %s, is".formatted(asked, name));
    }
    if (parameters.frequencyPenalty() != null) {
      throw unsupported("'frequencyPenalty' parameter is");
    }
    if (parameters.presencePenalty() != null) {
      throw unsupported("'presencePenalty' parameter is");
    }
    ToolChoice choice = parameters.toolChoice();
    if (choice != null && choice != ToolChoice.AUTO) {
      throw unsupported("ToolChoice.%s is".formatted(choice));
    }
    if (!parameters.toolSpecifications().isEmpty()) {
      throw unsupported("tools are");
    }
    if (parameters.responseFormat() != null
        && parameters.responseFormat().type() == ResponseFormatType.JSON) {
      throw unsupported("JSON response format is");
    }
  }

  private static UnsupportedFeatureException unsupported(String what) {
    return new UnsupportedFeatureException(what + " not supported yet by this model provider");
  }

  /** Does something whose failures LangChain4j has names for. */
  private static <T> T mapping(Supplier<T> work) {
    try {
      return work.get();
    } catch (LangChain4jException | CancellationException e) {
      throw e;
    } catch (ImageException | ChatTemplateException | IllegalArgumentException e) {
      throw new InvalidRequestException(e.getMessage(), e);
    } catch (DeviceException e) {
      // Memory of the device that others hold, for instance.
      throw new InternalServerException(e.getMessage(), e);
    } catch (RuntimeException e) {
      // Changed weights, a closed model, numbers that are none: asking again won't help.
      throw new NonRetriableException(e.getMessage(), e);
    }
  }
}
