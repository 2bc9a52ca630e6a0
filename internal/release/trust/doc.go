// Package trust proves that what a repository holds comes from the vendor: it
// walks from the root that is in the appliance's image to the signed documents
// of channels and releases, by the rules of The Update Framework
// (theupdateframework.github.io/specification, 1.0.31), with go-tuf's metadata.
//
// Guarantees:
//   - nothing is taken that the threshold of keys has not signed, for this
//     product, nor what is older than what was seen before;
//   - what was seen is kept in two sealed copies that are written in turns: a
//     power cut costs one of them, and without both the image's root serves;
//   - no answer of a server makes the next good one impossible;
//   - the clock may be wrong. Metadata that has expired is refused, by the
//     clock or by the latest time that the vendor has signed as past,
//     whichever is later. A clock that is too far ahead finds everything
//     expired until it is right again; it leaves no trace.
//
// Glossary: the floor is that latest time: of the image, and of the channels
// and releases that were verified.
package trust
