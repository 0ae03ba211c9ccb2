package org.pyramiddrop.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.StopTokens;
import org.pyramiddrop.loader.Tokenizer;

/**
 * Writes conversations down as a model is to learn them: what its chat template makes of the whole
 * conversation, with an end token directly behind each answer's words unless the template writes
 * one there, up to the last answer's; tokenised once, with the start token as at inference.
 *
 * <p>An answer's tokens run from where the text that asks for it ends, everything before it with
 * the generation prompt, to its end token. Where a token reaches over that place, the answer begins
 * with it: what asks and what is learnt share whole tokens only.
 */
public final class ConversationEncoder {
  /** Stands for an answer's words where a template shows what it writes behind them. */
  private static final String WORDS = "\uE000";

  private final ChatTemplate template;
  private final Tokenizer tokenizer;
  private final LlavaConfig config;

  /** What goes behind an answer's words; empty where the template writes it. */
  private final String addedEnd;

  /** The end token behind each answer's words, whoever writes it. */
  private final String end;

  private final int endId;

  /**
   * Whether the tokenizer finds an end token that no space precedes. Those that were converted long
   * ago don't, though sentencepiece's own, which models were trained with, do.
   */
  private final boolean findsEnds;

  /** How many tokens a text begins with whatever it says. */
  private final int startTokens;

  private ConversationEncoder(
      ChatTemplate template, Tokenizer tokenizer, LlavaConfig config, String end, int endId) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.config = config;
    this.end = end;
    this.endId = endId;
    addedEnd = behindWords(template).startsWith(end) ? "" : end;
    int[] word = tokenizer.encode("a" + end, true);
    findsEnds = IntStream.of(word).anyMatch(id -> id == endId);
    startTokens = tokenizer.encode("", true).length;
  }

  /**
   * An encoder for a model.
   *
   * @param folder the model's
   * @param config what its {@code config.json} says
   * @param tokenizer its own, which has to stay open
   * @throws ChatTemplateException if the chat template is missing or unknown
   * @throws CheckpointException if an end token is none that can be written in a text
   */
  public static ConversationEncoder of(Path folder, LlavaConfig config, Tokenizer tokenizer) {
    ChatTemplate template = ChatTemplate.read(folder);
    String behind = behindWords(template);
    Set<Integer> stops = StopTokens.read(folder, config);
    // A model that has several names the one first that its own text ends with; a template may end
    // turns with another, such as Llama 3's.
    for (int id : stops) {
      String end = tokenizer.decode(new int[] {id}, false);
      if (behind.startsWith(end) && isWritten(tokenizer, end, id)) {
        return new ConversationEncoder(template, tokenizer, config, end, id);
      }
    }
    int first = stops.iterator().next();
    String end = tokenizer.decode(new int[] {first}, false);
    if (!isWritten(tokenizer, end, first)) {
      throw new CheckpointException(
          folder.resolve("tokenizer.json"),
          "the model's end token %d has no text of its own, so no answer can be ended with it"
              .formatted(first));
    }
    return new ConversationEncoder(template, tokenizer, config, end, first);
  }

  /** Whether a token stands for itself in a text rather than for a word. */
  private static boolean isWritten(Tokenizer tokenizer, String text, int id) {
    OptionalInt known = tokenizer.id(text);
    boolean special = !text.isEmpty() && tokenizer.decode(new int[] {id}, true).isEmpty();
    return special || (known.isPresent() && known.getAsInt() == id);
  }

  private static String behindWords(ChatTemplate template) {
    String turn = template.render(List.of(new ChatTurn(Role.ASSISTANT, 0, WORDS)), false);
    return turn.substring(turn.indexOf(WORDS) + WORDS.length());
  }

  /**
   * A conversation's tokens.
   *
   * @throws IllegalArgumentException if the tokens don't fit the model or the sample's pictures;
   *     the message says where the sample is
   */
  public EncodedConversation encode(TrainingSample sample) {
    List<ChatTurn> turns = new ArrayList<>();
    for (ChatTurn turn : sample.turns()) {
      turns.add(
          turn.role() == Role.ASSISTANT
              ? new ChatTurn(turn.role(), 0, turn.text() + addedEnd)
              : turn);
    }
    int[] ids = encode(upToEnd(turns));
    check(sample, ids);
    boolean[] answer = new boolean[ids.length];
    for (int i = 0; i < turns.size(); i++) {
      if (turns.get(i).role() == Role.ASSISTANT) {
        int begin = commonPrefix(encode(template.render(turns.subList(0, i), true)), ids);
        int[] upToEnd = encode(upToEnd(turns.subList(0, i + 1)));
        if (begin == 0
            || upToEnd.length <= begin
            || upToEnd[upToEnd.length - 1] != endId
            || commonPrefix(upToEnd, ids) != upToEnd.length) {
          throw new IllegalArgumentException(
              "%s: the tokenizer doesn't keep turn %d apart from what is around it"
                  .formatted(sample.where(), i));
        }
        Arrays.fill(answer, begin, upToEnd.length, true);
      }
    }
    return new EncodedConversation(ids, answer);
  }

  /** The text of turns, the last of which is an answer, without what the template puts behind. */
  private String upToEnd(List<ChatTurn> turns) {
    String text = template.render(turns, false);
    String behind = behindWords(template);
    String dropped = addedEnd.isEmpty() ? behind.substring(end.length()) : behind;
    return text.substring(0, text.length() - dropped.length());
  }

  private int[] encode(String text) {
    if (findsEnds) {
      return encodeBetweenEnds(text);
    }
    IntStream.Builder ids = IntStream.builder();
    int start = 0;
    for (int at = text.indexOf(end); start <= text.length(); at = text.indexOf(end, start)) {
      int[] piece = encodeBetweenEnds(text.substring(start, at < 0 ? text.length() : at));
      Arrays.stream(piece).skip(start == 0 ? 0 : startTokens).forEach(ids::add);
      if (at < 0) {
        break;
      }
      ids.add(endId);
      start = at + end.length();
    }
    return ids.build().toArray();
  }

  private int[] encodeBetweenEnds(String text) {
    return config.original() == null
        ? tokenizer.encode(text, true)
        : tokenizer.encodePieces(text, ChatTemplate.IMAGE, config.imageTokenId());
  }

  private void check(TrainingSample sample, int[] ids) {
    for (int id : ids) {
      if (id != config.imageTokenId() && (id < 0 || id >= config.text().vocabSize())) {
        throw new IllegalArgumentException(
            "%s: it has token %d, but the model knows %d; its tokenizer belongs to another"
                .formatted(sample.where(), id, config.text().vocabSize()));
      }
    }
    long places = IntStream.of(ids).filter(id -> id == config.imageTokenId()).count();
    if (places != sample.images().size()) {
      throw new IllegalArgumentException(
          "%s: its text has the image token %d times, for %d pictures"
              .formatted(sample.where(), places, sample.images().size()));
    }
  }

  private static int commonPrefix(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }
}
