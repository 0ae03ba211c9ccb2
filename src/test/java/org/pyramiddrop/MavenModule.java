package org.pyramiddrop;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** One of the project's modules as its pom has it. */
record MavenModule(Path folder, Element pom) {
  /** The root project, then its modules in the order of its pom. */
  static List<MavenModule> all() throws IOException {
    MavenModule root = in(Installation.root());
    List<MavenModule> all = new ArrayList<>(List.of(root));
    for (Element module : children(child(root.pom, "modules").orElseThrow())) {
      all.add(in(Installation.root().resolve(module.getTextContent())));
    }
    return all;
  }

  private static MavenModule in(Path folder) throws IOException {
    return new MavenModule(folder, read(folder.resolve("pom.xml")));
  }

  /** The modules that go to a registry. */
  static List<MavenModule> published() throws IOException {
    return all().stream().filter(MavenModule::isPublished).toList();
  }

  /** The element that a pom is. */
  static Element read(Path pom) throws IOException {
    try {
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(pom.toFile())
          .getDocumentElement();
    } catch (SAXException | ParserConfigurationException e) {
      throw new IOException(pom + " can't be read", e);
    }
  }

  static List<Element> children(Element of) {
    NodeList nodes = of.getChildNodes();
    return IntStream.range(0, nodes.getLength())
        .mapToObj(nodes::item)
        .filter(Element.class::isInstance)
        .map(Element.class::cast)
        .toList();
  }

  static Optional<Element> child(Element of, String name) {
    return children(of).stream().filter(child -> child.getTagName().equals(name)).findFirst();
  }

  /** What stands in an element of the pom itself, whatever it inherits; empty if nothing does. */
  String text(String name) {
    return child(pom, name).map(Node::getTextContent).orElse("").strip();
  }

  String artifact() {
    return text("artifactId");
  }

  /** The version, which only the BOM has of itself. */
  static String version() throws IOException {
    return in(Installation.root().resolve("bom")).text("version");
  }

  boolean isPublished() {
    return child(pom, "properties")
        .flatMap(properties -> child(properties, "maven.deploy.skip"))
        .filter(skipped -> skipped.getTextContent().equals("true"))
        .isEmpty();
  }

  boolean hasJar() {
    return !text("packaging").equals("pom");
  }

  /** The jar that Maven makes in its phase {@code package}. */
  Path jar() throws IOException {
    return folder.resolve("target/%s-%s.jar".formatted(artifact(), version()));
  }
}
