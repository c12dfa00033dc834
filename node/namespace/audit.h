// The deep check of the file system's records: every entry has its directory, every directory one entry, every link its
// count, every content its file, every chunk its references. For a moment in which nothing changes, or with the
// knowledge that what changed meanwhile may be reported.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "node/files/chunk_record.h"
#include "node/files/chunk_visit.h"
#include "node/files/keys.h"

namespace vortex::node {

// All records of the file system, in any order.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // Some more; none after the last.
  virtual Task<Result<std::vector<dht::Record>>> more() = 0;
};

struct AuditReport {
  static constexpr std::size_t kFindingsKept = 1000;
  std::uint64_t directories = 0, parts = 0, entries = 0, files = 0, linked_files = 0, chunks = 0, references = 0;
  // What is unfinished and no defect: uploads that are open or not confirmed, releases, references of such.
  std::uint64_t unsettled = 0;
  std::uint64_t defects = 0;
  std::vector<std::string> findings;  // the first of them

  void defect(std::string text);
  bool sound() const { return defects == 0; }
};

class Audit {
 public:
  Audit(Env& env, chunker::NodeSource& nodes) : env_(env), nodes_(nodes) {}

  Task<Result<AuditReport>> run(RecordSource& source);

 private:
  struct PlacedPart {
    Id directory;
    Part part;
    bool header = false, fork = false, moving = false;
  };
  struct Named {
    Id place;
    std::string name;
    Entry entry;
  };
  struct File {
    Id place;  // where its content is
    Inode inode;
    std::uint32_t names = 0;
    bool linked = false;
  };

  void take(const dht::Record& record);
  template <class T>
  bool read(const dht::Record& record, T& out);
  void check_parts();
  void check_entries();
  void check_directories();
  void check_files();
  Task<Status> check_chunks();
  void check_references();

  Env& env_;
  chunker::NodeSource& nodes_;
  AuditReport report_;
  std::map<Id, DirectoryHeader> directories_;
  std::map<Id, PlacedPart> parts_;  // by place
  std::vector<Named> entries_;
  std::map<Id, File> files_;                            // by inode id
  std::map<std::pair<Id, Id>, SmallContent> contents_;  // place, inode id
  std::map<Id, ChunkRecord> chunks_;                    // by chunk
  std::map<std::pair<Id, Id>, Reference> references_;   // chunk, upload
  std::map<Id, Upload> uploads_;                        // by id
  std::set<Id> releasing_;                              // uploads named by release records
  std::set<Id> uploads_in_use_;                         // by the inodes
  std::map<Id, std::uint32_t> directory_entries_;       // entries for each directory id
};

}  // namespace vortex::node
