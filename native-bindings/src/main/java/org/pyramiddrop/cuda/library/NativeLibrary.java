package org.pyramiddrop.cuda.library;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A native library that is bound, and where it is looked for. */
public enum NativeLibrary {
  /** The driver API, a part of NVIDIA's driver. */
  DRIVER("pyramiddrop.cuda.driver", "no NVIDIA driver", "install NVIDIA's driver"),

  /** Matrix products, a part of the CUDA toolkit. Versions 12 and 13 agree in all that is bound. */
  CUBLAS_LT("pyramiddrop.cuda.cublasLt", "no cuBLASLt", "install cuBLAS for CUDA 13");

  private final String property;
  private final String missing;
  private final String remedy;

  NativeLibrary(String property, String missing, String remedy) {
    this.property = property;
    this.missing = missing;
    this.remedy = remedy;
  }

  /**
   * The library's functions: of the file that {@link #property} names, else of the first that the
   * system's loader or one of {@link LibraryFolders} has. Once opened a library stays loaded, so
   * opening it again is cheap.
   *
   * @throws MissingLibraryException if it is not there or can't be loaded
   */
  public SymbolLookup open() {
    String override = System.getProperty(property, "");
    return override.isBlank() ? find() : openNamed(Path.of(override));
  }

  /** The system property that names the library's file, or the folder it is in. */
  public String property() {
    return property;
  }

  /** The file names of the versions that will do, best first. */
  private List<String> fileNames() {
    return switch (this) {
      case DRIVER -> List.of("libcuda.so.1");
      case CUBLAS_LT -> List.of("libcublasLt.so.13", "libcublasLt.so.12");
    };
  }

  private SymbolLookup find() {
    Optional<Path> broken = Optional.empty();
    for (String name : fileNames()) {
      Optional<SymbolLookup> known = load(name);
      if (known.isPresent()) {
        return known.get();
      }
      for (Path folder : LibraryFolders.usual(System.getenv())) {
        Path file = folder.resolve(name);
        if (Files.exists(file)) {
          Optional<SymbolLookup> found = load(file.toString());
          if (found.isPresent()) {
            return found.get();
          }
          broken = broken.or(() -> Optional.of(file));
        }
      }
    }
    throw broken
        .map(NativeLibrary::unloadable)
        .orElseGet(() ->
            new MissingLibraryException(
                "%s: %s is in none of the usual folders; %s, or name its file with -D%s"
                    .formatted(missing, fileNames().getFirst(), remedy, property)));
  }

  private SymbolLookup openNamed(Path named) {
    Path file =
        fileNames().stream()
            .map(named::resolve)
            .filter(Files::exists)
            .findFirst()
            .orElse(named)
            .toAbsolutePath();
    if (!Files.isRegularFile(file)) {
      throw new MissingLibraryException(
          "%s: -D%s names %s, which is neither a file nor a folder with %s in it"
              .formatted(missing, property, named, String.join(" or ", fileNames())));
    }
    return load(file.toString()).orElseThrow(() -> unloadable(file));
  }

  private static MissingLibraryException unloadable(Path file) {
    return new MissingLibraryException(
        "%s can't be loaded: it is broken, made for another machine, or misses a library it needs"
            .formatted(file));
  }

  private static Optional<SymbolLookup> load(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      // This is how a library is reported that is not there or is not one.
      return Optional.empty();
    }
  }
}
