package example;

import java.nio.file.Path;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Asks a model about an image: the checkpoint's folder, the image's file, the question. */
public final class Ask {
  private Ask() {}

  public static void main(String[] arguments) {
    try (Llava model = Llava.load(Path.of(arguments[0]))) {
      Answer answer =
          model.ask(
              Question.of(arguments[2], Path.of(arguments[1])),
              Options.defaults().withPruning(PruningPlan.pyramid(4, 0.5)));
      System.out.println(answer.text());
    }
  }
}
