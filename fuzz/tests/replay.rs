//! Every file of the corpus goes through its target.

#[test]
fn the_corpus_makes_no_target_panic() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in rdiff_fuzz::TARGETS {
        let files: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = std::fs::read(file.unwrap().path()).unwrap();
            target(&data);
            // What was cut off anywhere must do no harm either.
            for end in 0..data.len().min(300) {
                if *name != "fstab" {
                    target(&data[..end]);
                }
            }
        }
    }
}
