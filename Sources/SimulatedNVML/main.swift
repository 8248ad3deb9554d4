// This target is a library. It is built as an executable with `-emit-library`, because only executables can be
// dependencies of other executables in one package, and one build must bring the programs and this library.
