package org.pyramiddrop.cli;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.transformer.Conversation;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Reply;
import org.pyramiddrop.transformer.TokenListener;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** A conversation that can be begun anew and go on under another plan. */
final class ChatSession implements AutoCloseable {
  private final Llava llava;
  private Options options;
  private Conversation conversation;

  /** Images that go with the next question that can be asked. */
  private final List<Image> unseen;

  ChatSession(Llava llava, Options options, List<Image> images) {
    this.llava = llava;
    this.options = options;
    conversation = llava.converse(options);
    unseen = new ArrayList<>(images);
  }

  Llava llava() {
    return llava;
  }

  /** Asks a question with all that was said and shown before it. */
  Reply ask(String words, TokenListener listener) {
    Reply reply = conversation.ask(Question.of(words, List.copyOf(unseen)), listener);
    unseen.clear();
    return reply;
  }

  /** Shows an image with the next question. */
  void show(Image image) {
    unseen.add(image);
  }

  /** Forgets what was said and shown. */
  void clear() {
    conversation.close();
    conversation = llava.converse(options);
    unseen.clear();
  }

  PruningPlan plan() {
    return options.pruning();
  }

  /**
   * Answers the questions to come under a plan.
   *
   * @throws IllegalArgumentException if it doesn't fit the model
   */
  void setPlan(PruningPlan plan) {
    Options changed = options.withPruning(plan);
    conversation.setOptions(changed);
    options = changed;
  }

  @Override
  public void close() {
    conversation.close();
  }
}
