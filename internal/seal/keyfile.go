package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the size of a key file: one AES-256 key, in raw bytes.
const keySize = 32

// KeyError says what is wrong with a key file and what to do about it.
type KeyError struct {
	// Path is the key file.
	Path string
	// Problem is what is wrong with it.
	Problem string
	// Hint is a way out, one sentence for the admin.
	Hint string
}

// Error gives path, problem and hint on one line.
func (e *KeyError) Error() string {
	return fmt.Sprintf("key file %s %s (%s)", e.Path, e.Problem, e.Hint)
}

// LoadKey reads the key at path. If there is no file, it makes a random key,
// with mode 0600 in a directory that is made with mode 0700 if need be; when it
// returns, the key is on disk. An existing file is never overwritten, and one
// that is too short, too long or open to other users is a [*KeyError]. Processes
// that start at the same time end up with the same key.
func LoadKey(path string) (*Box, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return nil, err
		}
		key, err = readKey(path)
	}
	if err != nil {
		return nil, err
	}
	return New(key)
}

func readKey(path string) (key [keySize]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return key, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return key, fmt.Errorf("look at key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return key, &KeyError{path, "is not a regular file", "let key_file name a file; it is made if it does not exist"}
	}
	if loose := info.Mode().Perm() & 0o077; loose != 0 {
		return key, &KeyError{path, fmt.Sprintf("is open to other users (mode %04o)", info.Mode().Perm()), "run: chmod 600 " + path}
	}
	if info.Size() != keySize {
		return key, &KeyError{
			path, fmt.Sprintf("has %d bytes instead of %d", info.Size(), keySize),
			"put the right file back from a backup; without it the stored second factors are lost, and everybody has to enrol again after the file and the database are removed",
		}
	}
	if _, err := io.ReadFull(f, key[:]); err != nil {
		return key, fmt.Errorf("read key file %s: %w", path, err)
	}
	return key, nil
}

// makeKey puts a new key at path, unless somebody else does so first. The key is
// written and synced under another name and then linked to its own, so that
// nobody, and no power cut, ever leaves half a key there.
func makeKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory for key file: %w", err)
	}
	var key [keySize]byte
	_, _ = rand.Read(key[:])
	temporary := fmt.Sprintf("%s.new-%s", path, rand.Text())
	if err := writeNew(temporary, key[:]); err != nil {
		return err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make key file: %w", err)
	}
	return syncDir(dir)
}

func writeNew(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(path)
			err = fmt.Errorf("write key file %s: %w", path, err)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory of key file: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory of key file: %w", err)
	}
	return nil
}
