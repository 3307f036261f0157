// Package seal encrypts what Jellyward keeps in Redis, so that a copy of the
// database gives away no second factor and no token. A [Box] seals with
// AES-256-GCM; the additional data, by convention the name of the record's key,
// ties a sealed record to its place, so that one cannot be moved to another.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrOpen means that a sealed record could not be opened: it was sealed with
// another key, for another place, or it was changed.
var ErrOpen = errors.New("sealed record cannot be opened: another key, another place, or changed")

// version is the first byte of everything sealed. It names the algorithm and
// the layout: nonce, ciphertext, tag.
const version = 1

// Box seals and opens records with one key. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
	id   string
	root [32]byte // what other keys are derived from
}

// New returns a Box for key.
func New(key [32]byte) (*Box, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher mode: %w", err)
	}
	id, root := derive(key, "jellyward key id"), derive(key, "jellyward derived keys")
	return &Box{aead: aead, id: hex.EncodeToString(id[:4]), root: root}, nil
}

// Derive returns a key of its own for another purpose than sealing, always the
// same for the same purpose. It tells nothing about the Box's key or about the
// keys for other purposes.
func (b *Box) Derive(purpose string) [32]byte { return derive(b.root, purpose) }

func derive(key [32]byte, label string) [32]byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(label))
	return [32]byte(mac.Sum(nil))
}

// KeyID is a short fingerprint of the key, for logs and error messages. It
// tells two keys apart and reveals neither.
func (b *Box) KeyID() string { return b.id }

// Seal encrypts plain and binds it to additional, which [Box.Open] must be
// given again. Sealing twice gives different results. The nonces are random:
// 2^32 records may be sealed with one key before two of them are likely enough
// to be equal (NIST SP 800-38D, 8.3), which is 130 sign-ins a second for a year.
func (b *Box) Seal(plain, additional []byte) []byte {
	n := b.aead.NonceSize()
	sealed := make([]byte, 1+n, 1+n+len(plain)+b.aead.Overhead())
	sealed[0] = version
	_, _ = rand.Read(sealed[1:]) // never fails: it ends the program instead
	return b.aead.Seal(sealed, sealed[1:], plain, additional)
}

// Open decrypts what [Box.Seal] returned for the same additional data. The
// error wraps [ErrOpen].
func (b *Box) Open(sealed, additional []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < 1+n+b.aead.Overhead() {
		return nil, fmt.Errorf("%w (%d bytes are too few)", ErrOpen, len(sealed))
	}
	if sealed[0] != version {
		return nil, fmt.Errorf("%w (version %d is unknown)", ErrOpen, sealed[0])
	}
	plain, err := b.aead.Open(nil, sealed[1:1+n], sealed[1+n:], additional)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
