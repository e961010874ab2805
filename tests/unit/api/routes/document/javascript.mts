class HavenPlayerRecorder {
  private baseUrl = 'http://localhost:8000/api/recording';
  
  async startRecording(mintId: string, options: RecordingOptions = {}) {
    const response = await fetch(`${this.baseUrl}/start`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        mint_id: mintId,
        output_format: options.format || 'av1',
        video_quality: options.videoQuality || 'high',
        audio_quality: options.audioQuality || 'high',
        output_directory: options.outputDirectory
      })
    });
    
    return await response.json();
  }
  
  async stopRecording(mintId: string) {
    const response = await fetch(`${this.baseUrl}/stop`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ mint_id: mintId })
    });
    
    return await response.json();
  }
  
  async getRecordingStatus(mintId: string) {
    const response = await fetch(`${this.baseUrl}/status/${mintId}`);
    return await response.json();
  }
  
  async getActiveRecordings() {
    const response = await fetch(`${this.baseUrl}/active`);
    return await response.json();
  }
}

// Usage
const recorder = new HavenPlayerRecorder();

// Start recording
const result = await recorder.startRecording('V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump', {
  format: 'av1',
  videoQuality: 'high',
  audioQuality: 'high'
});

console.log('Recording started:', result.output_path);

// Monitor recording status
const status = await recorder.getRecordingStatus('V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump');
console.log('Recording status:', status);

// Stop recording
const stopResult = await recorder.stopRecording('V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump');
console.log('Recording stopped:', stopResult.final_path);
